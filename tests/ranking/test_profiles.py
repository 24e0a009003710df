"""How a model is asked: flag, then the model folder's card, then the table, then the default."""

import json
import tomllib
from pathlib import Path

import pytest

from rearank_cli.errors import DataError, MissingInput, UsageError
from rearank_cli.ranking import profiles
from rearank_cli.ranking.profiles import profile
from rearank_cli.ranking.prompts import built_in


def model_folder(tmp_path: Path, card: object) -> str:
    (tmp_path / "rearank.json").write_text(json.dumps(card), encoding="utf-8")
    (tmp_path / "prompt.toml").write_text(
        "name = 'own'\nmax_tokens = 50\n[[turn]]\nrole = 'user'\ntext = '{query} {passages}'\n",
        encoding="utf-8",
    )
    return str(tmp_path)


def test_a_checkpoint_brings_its_prompt_and_windows(tmp_path: Path) -> None:
    found = profile(
        model_folder(tmp_path, {"prompt": "prompt.toml", "window": 6, "step": 3, "max_tokens": 99})
    )
    assert (found.template.name, found.window, found.step, found.template.max_tokens) == ("own", 6, 3, 99)
    assert found.remark == ""


def test_flags_come_before_the_card(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, {"prompt": "prompt.toml", "window": 6, "step": 3})
    found = profile(folder, prompt="rankgpt", window=10, step=1)
    assert (found.template.name, found.window, found.step) == ("rankgpt", 10, 1)
    assert profile(folder, window=2).step == 1


def test_a_known_model_takes_its_authors_words_once_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = profile("le723z/Rearank-7B")
    assert (before.template.name, before.window, before.step) == ("rearank", 20, 10)
    assert "recipes/paper/released_prompts.py" in before.remark
    made = tmp_path / "rearank" / "prompts" / "rearank-released.toml"
    made.parent.mkdir(parents=True)
    made.write_text(
        "name = 'theirs'\n[[turn]]\nrole = 'user'\ntext = '{query} {passages}'\n", encoding="utf-8"
    )
    after = profile("le723z/Rearank-7B")
    assert (after.template.name, after.remark) == ("theirs", "")


def test_any_other_model_gets_the_default_and_a_line_that_says_so() -> None:
    found = profile("someone/some-model")
    assert (found.template.name, found.window, found.step, found.think) == ("rearank", 20, 10, None)
    assert "someone/some-model is not in the table of known models" in found.remark


def test_thinking_can_be_switched(tmp_path: Path) -> None:
    assert profile("Qwen/Qwen3-32B").think is True
    off = profile("someone/some-model", think=False)
    assert (off.template.name, off.think) == ("rankgpt", False)
    assert profile("someone/some-model", think=True).think is True
    assert profile("someone/some-model", think=False, prompt="rearank").template.name == "rearank"


def test_the_table_names_prompts_that_exist_or_are_made() -> None:
    known = tomllib.loads(profiles._KNOWN.read_text(encoding="utf-8"))
    for name, row in known.items():
        assert row["fallback"] in built_in(), name
        assert row["prompt"].endswith("-released"), name
        assert Path(row["wording"].split()[0]).suffix == ".py", name


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="found no such folder"):
        profile("./nowhere")
    with pytest.raises(UsageError, match="--step 7: expected 1 to 5"):
        profile("m", window=5, step=7)
    with pytest.raises(UsageError, match="--window 1"):
        profile("m", window=1)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"surprise": 1}, "unknown key `surprise`; expected one of .*'window'"),
        ({"prompt": 5}, "expected `prompt` to be a valid string, found 5"),
        ({"prompt": ""}, "expected `prompt` to have at least 1 character, found ''"),
        ({"prompt": "rerank"}, "expected `prompt` to be rankgpt, rearank or a .toml file, found 'rerank'"),
        ({"prompt": "../prompt.toml"}, "a .toml file inside the folder, found '../prompt.toml'"),
        ({"prompt": "a/../../prompt.toml"}, "inside the folder, found 'a/../../prompt.toml'"),
        ({"prompt": "/etc/prompt.toml"}, "inside the folder, found '/etc/prompt.toml'"),
        ({"prompt": "../rearank"}, "inside the folder, found '../rearank'"),
        ({"prompt": "a\0.toml"}, "found none that parses"),
        ({"window": "20"}, "expected `window` to be a valid integer, found '20'"),
        ({"window": 20.0}, "expected `window` to be a valid integer, found 20.0"),
        ({"window": True}, "expected `window` to be a valid integer, found True"),
        ({"window": 1}, "expected `window` to be greater than 1, found 1"),
        ({"window": None}, "expected `window` to be a valid integer, found None"),
        ({"step": 0}, "expected `step` to be greater than 0, found 0"),
        ({"step": 21}, "expected `step` to be at most the window, 20, found 21"),
        ({"window": 6, "step": 7}, "expected `step` to be at most the window, 6, found 7"),
        ({"max_tokens": -5}, "expected `max_tokens` to be greater than 0, found -5"),
        ({"think": "yes"}, "expected `think` to be a valid boolean, found 'yes'"),
        ({"think": 1}, "expected `think` to be a valid boolean, found 1"),
        ([{"window": 6}], "expected an object with keys, found"),
        ("rearank", "expected an object with keys, found 'rearank'"),
        (None, "expected an object with keys, found None"),
    ],
)
def test_a_malformed_card_is_one_sentence(tmp_path: Path, card: object, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        profile(model_folder(tmp_path, card))
    assert str(caught.value).startswith(f"{tmp_path}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "expected JSON, found none that parses"),
        (b"", "expected JSON, found none that parses"),
        (b'{"prompt": "\xff"}', "expected JSON, found none that parses .*utf-8"),
        (b'{"window": 6, "window": 20}', "the key 'window' stands twice"),
        (b'{"window": NaN}', "NaN is no JSON"),
        (b'{"window": 1' + b"0" * 5000 + b"}", "expected JSON"),
        (b"[" * 200_000, "expected JSON"),
        (b" " * (1 << 20) + b"{}", "expected a file of at most 1048576 bytes, found more"),
    ],
)
def test_a_card_that_does_not_parse_is_one_sentence(tmp_path: Path, text: bytes, words: str) -> None:
    (tmp_path / "rearank.json").write_bytes(text)
    with pytest.raises(DataError, match=words) as caught:
        profile(str(tmp_path))
    assert str(caught.value).startswith(f"{tmp_path / 'rearank.json'}: ")
    assert len(str(caught.value)) < 400


def test_a_card_without_keys_has_the_defaults(tmp_path: Path) -> None:
    found = profile(model_folder(tmp_path, {}))
    assert (found.template.name, found.window, found.step, found.think) == ("rearank", 20, 10, None)
    assert profile(model_folder(tmp_path, {"window": 6})).step == 3
    assert profile(model_folder(tmp_path, {"think": None})).think is None


def test_a_card_that_cannot_be_read_is_missing(tmp_path: Path) -> None:
    (tmp_path / "rearank.json").mkdir()
    with pytest.raises(MissingInput, match="rearank.json: the model's card cannot be read"):
        profile(str(tmp_path))
