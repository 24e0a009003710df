"""The reward as TRL calls it, what SFT imitates, collapse, curves, estimates: everything without a trainer."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from rearank_cli.errors import DataError
from rearank_cli.training import curves
from rearank_cli.training.demonstrations import demonstrated, ideal_answer, with_trace
from rearank_cli.training.estimate import Shape, memory, work
from rearank_cli.training.examples import Example
from rearank_cli.training.folder import Row
from rearank_cli.training.grpo import Rewards, rows
from rearank_cli.training.planning import model_shape
from rearank_cli.training.recipe import Device, Method, Recipe
from rearank_cli.training.rewards import Rules
from rearank_cli.training.validation import Written, measured
from tests.training.test_examples import made
from tests.training.tiny import row

BEST = "<think>a</think><answer>[2] > [1] > [3]</answer>"
SAME = "<think>a</think><answer>[1] > [2] > [3]</answer>"


def chats(*texts: str) -> list[list[dict[str, str]]]:
    return [[{"role": "assistant", "content": text}] for text in texts]


def test_each_part_is_a_reward_of_its_own_by_the_list_it_is_for(tmp_path: Path) -> None:
    found = made(tmp_path, row("q1"), row("q2", 5, grades=(1, 0, 0)))
    samples: list[tuple[int, Row]] = []
    rewards = Rewards(found, Rules(), lambda update, each: samples.append((update, each)))
    state = SimpleNamespace(global_step=7)
    completions, place = chats(BEST, "nonsense", BEST), [0, 0, 1]
    assert rewards.rank(completions, place, trainer_state=state) == [pytest.approx(1), 0, None]
    assert rewards.tags(completions, place, trainer_state=state) == [1, 0, None]
    assert rewards.answer(completions, place, prompts=None) == [1, 0, None]
    assert [rewards.rank.__name__, rewards.tags.__name__, rewards.answer.__name__] == [
        "rank",
        "tags",
        "answer",
    ]
    [(update, sample)] = samples
    assert (update, sample["qid"], sample["draw"], sample["completion"]) == (7, "q1", 1, BEST)


def test_the_dataset_is_the_chats_and_their_places(tmp_path: Path) -> None:
    found = made(tmp_path, row("q1"), row("q2"))
    made_rows = rows(found)
    assert [each["place"] for each in made_rows] == [0, 1]
    assert made_rows[1]["prompt"] == [{"role": m.role, "content": m.content} for m in found[1].messages]


def test_heldout_figures_are_means_over_lists(tmp_path: Path) -> None:
    found = made(tmp_path, row("q1"), row("q2"))
    figures = measured([Written(BEST, 10), Written("<answer>[2]", 20)], found, Rules())
    assert (figures.ndcg, figures.format, figures.length) == (1.0, 0.5, 15)


def test_sft_imitates_what_is_given_else_the_ideal_order(tmp_path: Path) -> None:
    found = made(tmp_path, row("q1"), row("q2", demonstration="mine"))
    assert [text for _, text in demonstrated(found, think=False)] == [
        "<answer>[2] > [1] > [3]</answer>",
        "mine",
    ]
    assert ideal_answer([1, 0, 1], think=True) == "<think></think><answer>[1] > [3] > [2]</answer>"


def trace(tmp_path: Path, *texts: str, docids: tuple[str, ...] = ("d0", "d1", "d2")) -> str:
    place = tmp_path / "trace.jsonl"
    lines = [json.dumps({"qid": "q1#1", "docids": docids, "completion": text}) for text in texts]
    place.write_text("\n".join(lines))
    return str(place)


def test_a_trace_gives_the_best_answer_of_each_list(tmp_path: Path) -> None:
    found: list[Example] = made(tmp_path, row("q1"), row("q2"))
    kept = with_trace(found, trace(tmp_path, SAME, BEST, "<answer>[2]</answer>"), Rules())
    assert [example.graded.demonstration for example in kept] == [BEST]


@pytest.mark.parametrize(
    "text", [SAME, "<answer>[2] > [1] > [3]</answer>", "<think>a</think><answer>[2]</answer>"]
)
def test_answers_out_of_form_or_no_better_are_rejected(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="found none among 1; record some with rearank rerank --trace"):
        with_trace(made(tmp_path, row("q1")), trace(tmp_path, text), Rules())


def test_an_answer_to_another_order_is_no_answer_to_this_list(tmp_path: Path) -> None:
    other = trace(tmp_path, BEST, docids=("d1", "d0", "d2"))
    with pytest.raises(DataError, match="found none among 1"):
        with_trace(made(tmp_path, row("q1")), other, Rules())


def test_collapse_is_told_from_a_slow_start() -> None:
    pytest.importorskip("transformers")
    from rearank_cli.training.validation import Heldout
    from rearank_cli.training.watching import Progress, collapse

    bad = Heldout(0.1, 0.0, 9)
    assert collapse(Recipe(), best_format=0.0, figures=bad, entropy=None) == ""
    assert collapse(Recipe(), best_format=0.9, figures=bad, entropy=None).startswith("format: 0%")
    assert collapse(Recipe(), best_format=0.9, figures=None, entropy=0.0) == ""
    progress = Progress()
    assert progress.take(0, Heldout(0.3, 0.8, 9))
    assert not progress.take(5, Heldout(0.3, 0.9, 9))
    assert progress.take(9, Heldout(0.4, 0.1, 9))
    assert (progress.best, progress.best_step, progress.best_format) == (0.4, 9, 0.9)


def test_the_work_of_a_paper_step() -> None:
    todo = work(Recipe(steps=120), [2000])
    assert (todo.updates, todo.prompts, todo.rollouts) == (1920, 15360, 491520)
    assert todo.prompt_tokens == 491520 * 2000
    assert todo.answer_tokens == 491520 * 2048
    assert work(Recipe(method=Method.SFT), [10]).rollouts == 0


SHAPE = Shape(parameters=7_615_616_512, layers=28, hidden=3584, cached=28_672)


def test_the_kv_cache_is_counted_by_the_width_of_a_head(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs the extra local")
    shape = {
        "hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 128, "vocab_size": 64,
    }  # fmt: skip
    transformers.Qwen3Config(**shape).save_pretrained(tmp_path)
    found = model_shape(str(tmp_path))
    assert found is not None
    assert found.cached == 2 * 3 * 2 * 128


def test_memory_by_part_follows_from_the_recipe() -> None:
    full = memory(Recipe(vllm=True), SHAPE, 3072, 8)
    assert full["optimizer"] == pytest.approx(7_615_616_512 * 8 / 2**30, rel=1e-3)
    assert full["reference"] == pytest.approx(7_615_616_512 * 4 / 2**30, rel=1e-3)
    assert full["rollout cache"] == 0
    assert memory(Recipe(), SHAPE, 3072, 8)["rollout cache"] > 0
    assert memory(Recipe(kl=0.0), SHAPE, 3072, 8)["reference"] == 0
    small = memory(Recipe(lora_rank=16, vllm=True), SHAPE, 3072, 8)
    assert small["optimizer"] + small["gradients"] < 1 < 80 < full["optimizer"] + full["gradients"]
    assert small["reference"] == 0
    plain = memory(Recipe(gradient_checkpointing=False), SHAPE, 3072, 8)
    assert plain["activations"] == pytest.approx(16 * full["activations"], rel=1e-3)
    assert "reference" not in memory(Recipe(method=Method.SFT), SHAPE, 3072, 8)


def test_memory_on_a_cpu_is_near_what_was_measured() -> None:
    """The demo model's peak in GiB, as recipes/train/README.md gives it."""
    demo = Shape(parameters=600_000, layers=3, hidden=128, cached=768)
    for prompts, rollouts, micro, seen in ((4, 8, 8, 0.909), (16, 64, 8, 1.818), (4, 64, 256, 2.601)):
        recipe = Recipe(
            device=Device.CPU,
            prompts=prompts,
            mini_batch=prompts,
            rollouts=rollouts,
            micro_batch=micro,
            answer_tokens=112,
        )
        assert sum(memory(recipe, demo, 103, 1).values()) == pytest.approx(seen, rel=0.3)


def test_the_table_joins_what_was_measured_of_a_step() -> None:
    found: list[Row] = [{"step": 0, "nDCG@10": 0.25}]
    for step in range(1, 31):
        found += [{"step": step, "reward": step / 100}, {"step": step, "nDCG@10": 0.5, "format": 1.0}]
    lines = curves.table(found).splitlines()
    assert lines[0].split() == ["step", "reward", "nDCG@10", "format"]
    assert lines[1].split() == ["0", "0.25"]
    assert lines[-1].split() == ["30", "0.3", "0.5", "1"]
    assert len(lines) < 15
    assert curves.table([]) == ""


def test_curves_are_drawn_of_what_there_is(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    curves.draw([{"step": 1, "reward": 0.1, "nDCG@10": None}, {"step": 2, "reward": 0.2}], tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"
