"""A tokenizer that does not do what its file says is found out before training, not after."""

import json
from pathlib import Path

import pytest

from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.errors import DataError
from rearank_cli.formats.lists import read_lists
from rearank_cli.formats.streams import open_source
from rearank_cli.ranking import prompts
from rearank_cli.training.examples import Example, examples
from rearank_cli.training.tokenizing import check_tokenizer
from tests.training.tiny import lists

pytest.importorskip("transformers")
DEMO = Path("rearank_cli/datasets/demo/model")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo's tokenizer, without weights."""
    for path in (Path(__file__).parents[2] / DEMO).glob("*"):
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def loaded(folder: Path) -> tuple[ChatTokenizer, list[Example]]:
    tokenizer = ChatTokenizer(str(folder))
    with open_source(lists(folder / "lists.jsonl")) as source:
        return tokenizer, examples(read_lists(source), prompts.load("rearank"), tokenizer)


def test_a_sound_tokenizer_passes(folder: Path) -> None:
    check_tokenizer(*loaded(folder))


def test_a_tokenizer_that_loads_as_another_class_is_named(folder: Path) -> None:
    """The trap: the class that transformers takes for this kind of model cuts text its own way."""
    place = folder / "tokenizer.json"
    saved = json.loads(place.read_text(encoding="utf-8"))
    saved["pre_tokenizer"] = {"type": "WhitespaceSplit"}
    place.write_text(json.dumps(saved), encoding="utf-8")
    with pytest.raises(DataError, match=r"does not round-trip: transformers loads it as \w+, which cuts"):
        check_tokenizer(*loaded(folder))


def test_tags_that_decoding_leaves_out_are_named(folder: Path) -> None:
    """Rewards are read from text without special tokens: an answer's tags must not be such."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        place = folder / name
        values = json.loads(place.read_text(encoding="utf-8"))
        added = values.get("added_tokens", [])
        for token in added:
            token["special"] = token["special"] or token["content"] == "<answer>"
        place.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(DataError, match="must be plain text to it, or added tokens that are not special"):
        check_tokenizer(*loaded(folder))


def test_qwens_own_tokenizer_passes(shared: Path, tmp_path: Path) -> None:
    tokenizer = ChatTokenizer(str(shared / "qwen2.5-tokenizer"))
    with open_source(lists(tmp_path / "lists.jsonl")) as source:
        found = examples(read_lists(source), prompts.load("rearank"), tokenizer)
    check_tokenizer(tokenizer, found)
