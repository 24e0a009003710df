"""What a checkpoint carries: the prompt it was trained with, and the windows it has seen."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.ranking import prompts
from rearank_cli.ranking.profiles import Profile, profile
from rearank_cli.ranking.prompts import Template, Turn
from rearank_cli.training.serving import cast_weights, template_toml, write_card

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORDS = st.none() | st.integers(1, 999)
SOME = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=20)
TURNS = st.builds(Turn, st.sampled_from(["system", "user", "assistant"]), SOME, st.booleans(), TEXT, TEXT)
ASKING = st.builds(lambda text: Turn("user", f"{text}: {{query}}\n{{passages}}"), TEXT)
TEMPLATES = st.builds(
    Template, name=SOME, turns=st.tuples(TURNS, TURNS, ASKING), passage_chars=WORDS,
    titled=TEXT.map(lambda text: f"{text} {{text}}"), remove=st.lists(SOME, max_size=2).map(tuple),
    think=st.booleans(), max_tokens=st.integers(1, 9999),
)  # fmt: skip


@settings(deadline=None)
@given(TEMPLATES)
def test_any_prompt_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, template: Template
) -> None:
    place = tmp_path_factory.mktemp("prompt") / "prompt.toml"
    place.write_bytes(template_toml(template).encode())
    assert prompts.load(str(place)) == template


@pytest.mark.parametrize("name", prompts.built_in())
def test_the_profile_of_a_checkpoint_is_that_of_its_training(tmp_path: Path, name: str) -> None:
    trained = Profile("base", prompts.load(name), 20, 10)
    write_card(tmp_path, trained, answer_tokens=77, longest=6)
    served = profile(str(tmp_path))
    assert served.template.turns == trained.template.turns
    assert (served.window, served.step, served.template.max_tokens) == (6, 3, 77)
    assert served.template.think == trained.template.think
    assert served.remark == ""


def test_a_cache_that_training_switched_off_is_switched_on(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"use_cache": false, "hidden_size": 8}')
    (tmp_path / "training_args.bin").write_text("x")
    write_card(tmp_path, Profile("base", prompts.load("rearank"), 20, 10), answer_tokens=7, longest=20)
    assert json.loads((tmp_path / "config.json").read_text()) == {"use_cache": True, "hidden_size": 8}
    assert not (tmp_path / "training_args.bin").exists()
    assert profile(str(tmp_path)).window == 20


def test_weights_are_saved_in_the_numbers_asked_for_and_all_else_stays(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    weights = {"a": torch.tensor([1.0, 2.5]), "count": torch.tensor([3])}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_text('{"torch_dtype": "float32", "hidden_size": 8}')
    (tmp_path / "model.safetensors.index.json").write_text(
        '{"metadata": {"total_size": 16}, "weight_map": {}}'
    )
    cast_weights(tmp_path, "bfloat16")
    found = load_file(tmp_path / "model.safetensors")
    assert (found["a"].dtype, found["count"].dtype) == (torch.bfloat16, torch.int64)
    assert found["a"].tolist() == [1.0, 2.5]
    assert json.loads((tmp_path / "config.json").read_text()) == {"hidden_size": 8, "dtype": "bfloat16"}
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == 2 * 2 + 8
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json", ".safetensors"]
