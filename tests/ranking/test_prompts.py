"""Prompts: the built-in ones, anyone's, and the released wording byte for byte."""

import importlib.util
import json
import tracemalloc
from pathlib import Path
from types import ModuleType

import pytest

from rearank_cli.errors import DataError, MissingInput, UsageError
from rearank_cli.ranking.prompts import Passages, Template, Turn, built_in, load, passage_text, render
from rearank_cli.records import Hit, Message
from tests.conftest import ROOT


def recipe(path: str) -> ModuleType:
    """Import a script under recipes/."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "recipes" / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("style", "chars"), [("rearank", 400), ("rankgpt", 300)])
def test_the_released_wording_is_rendered_byte_for_byte(
    shared: Path, tmp_path: Path, style: str, chars: int
) -> None:
    released = json.loads((shared / "prompts" / f"{style}.json").read_text(encoding="utf-8"))
    messages = [Message(**message) for message in released["messages"]]
    rows = json.loads((shared / "dl19" / "bm25.json").read_text(encoding="utf-8"))
    hits = {str(hit["docid"]): hit["content"] for row in rows for hit in row["hits"]
            if str(hit["qid"]) == released["qid"]}  # fmt: skip
    shown = [Hit(docid, 1.0, hits[docid]) for docid in released["docids"]]
    cut = Template("x", (), passage_chars=chars, remove=("Title: Content: ",))
    passages = [passage_text(cut, hit) for hit in shown]
    unrendered = recipe("paper/released_prompts.py").to_toml(
        style, messages, released["query"], passages, {"passage_chars": chars}
    )
    (tmp_path / "released.toml").write_text(unrendered, encoding="utf-8")
    template = load(str(tmp_path / "released.toml"))
    assert released["query"] not in unrendered
    assert (
        list(render(template, released["query"], [passage_text(template, hit) for hit in shown])) == messages
    )
    # The same words around another list, with a title, braces and mojibake in the texts.
    odd = [
        Hit("a", 1.0, "{query} it\u00e2\u0080\u0099s {passage}", "A {title}"),
        Hit("b", 1.0, "Title: Content: b"),
    ]
    other = render(template, "{count}?", [passage_text(template, hit) for hit in odd])
    turns = [m.content for m in other if m.role == "user"]
    assert "[1] Title: A {title} Content: {query} it\u00e2\u0080\u0099s {passage}" in turns
    assert "[2] b" in turns
    assert len(other) == len(messages) - 18 * (len(messages) - 4) // 20
    assert "{count}?" in other[-1].content


@pytest.mark.parametrize("name", built_in())
def test_built_in_prompts_show_query_passages_and_count(name: str) -> None:
    template = load(name)
    messages = render(template, "why do cats purr", ["one text", "another text"])
    whole = "\n".join(message.content for message in messages)
    assert messages[0].role == "system"
    assert messages[-1].role == "user"
    assert "{" not in whole
    for wanted in ("why do cats purr", "[1] one text", "[2] another text", "all 2 passages"):
        assert wanted in whole
    assert template.think == ("<think>" in whole and "<answer>" in whole)
    assert template.passage_chars == {"rearank": 400, "rankgpt": 300}[name]


def test_the_reasoning_prompt_acknowledges_each_passage() -> None:
    roles = [message.role for message in render(load("rearank"), "q", ["a", "b", "c"])]
    assert roles == ["system", "user", "assistant", *["user", "assistant"] * 3, "user"]


def test_passages_are_collapsed_then_cut() -> None:
    template = Template("x", (), passage_chars=6)
    assert passage_text(template, Hit("d", 1.0, "  a \n\t b  cdefg")) == "a b cd"
    assert passage_text(Template("x", ()), Hit("d", 1.0, "text", "Title")) == "Title text"


def test_passages_are_remembered_by_their_text_and_without_it() -> None:
    passages = Passages(Template("x", (), passage_chars=6))
    first = passages(Hit("d", 1.0, "a  text of some length", "T"))
    assert first == "T a te"
    assert passages(Hit("d", 0.5, "a  text of some length", "T")) is first  # another query's score
    assert passages(Hit("d", 1.0, "a  text of some length")) == "a text"
    tracemalloc.start()
    shown = [passages(Hit("d", 1.0, f"{n} " * 100_000)) for n in range(50)]
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(shown)) == 50
    assert kept < 1_000_000


def test_one_turn_can_hold_all_passages() -> None:
    turn = Turn("user", "query: {query}\n{passages}", passage="[{number}] {passage}", separator="\n")
    assert render(Template("x", (turn,)), "q", ["a", "b"]) == (Message("user", "query: q\n[1] a\n[2] b"),)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("name = ", "parses"),
        ("name = 'x'", "at least one"),
        ("[[turn]]\nrole='user'\ntext='a'", "name"),
        ("name='x'\nsurprise=1\n[[turn]]\nrole='user'\ntext='a'", "surprise"),
        ("name='x'\n[[turn]]\nrole='robot'\ntext='a'", "robot"),
        ("name='x'\n[[turn]]\nrole='user'\ntext='a'\neach='query'", "query"),
        ("name='x'\npassage_chars='many'\n[[turn]]\nrole='user'\ntext='a'", "passage_chars"),
    ],
)
def test_a_malformed_prompt_is_one_sentence(tmp_path: Path, toml: str, words: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(DataError, match=words) as caught:
        load(str(path))
    assert str(path) in str(caught.value)


def test_an_unknown_prompt_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="rankgpt, rearank"):
        load("rerank")
    with pytest.raises(MissingInput, match="nowhere.toml"):
        load("nowhere.toml")
