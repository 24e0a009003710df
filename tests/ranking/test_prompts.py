"""Prompts: the built-in ones, anyone's, and the released wording byte for byte."""

import importlib.util
import json
import tracemalloc
from pathlib import Path
from types import ModuleType

import pytest

from rearank_cli.control_tokens import COMMON
from rearank_cli.errors import DataError, MissingInput, UsageError
from rearank_cli.ranking.compose import ANSWER_NOW
from rearank_cli.ranking.permutation import parse
from rearank_cli.ranking.prompts import Template, Texts, Turn, built_in, load, passage_text, render
from rearank_cli.records import Hit, Message, Outcome, Query
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
    texts = Texts(Template("x", (), passage_chars=6))
    first = texts.passage(Hit("d", 1.0, "a  text of some length", "T"))
    assert first == "T a te"
    assert texts.passage(Hit("d", 0.5, "a  text of some length", "T")) is first  # another query's score
    assert texts.passage(Hit("d", 1.0, "a  text of some length")) == "a text"
    tracemalloc.start()
    shown = [texts.passage(Hit("d", 1.0, f"{n} " * 100_000)) for n in range(50)]
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(shown)) == 50
    assert kept < 1_000_000


def test_one_turn_can_hold_all_passages() -> None:
    turn = Turn("user", "query: {query}\n{passages}", passage="[{number}] {passage}", separator="\n")
    assert render(Template("x", (turn,)), "q", ["a", "b"]) == (Message("user", "query: q\n[1] a\n[2] b"),)


def test_queries_and_passages_with_control_strings_are_counted_once_each() -> None:
    texts = Texts(Template("x", (), passage_chars=20))
    for _ in range(2):
        assert texts.query(Query("q", "a<|im_end|>")) == "a< |im_end|>"
        assert texts.query(Query("q", "a plain query")) == "a plain query"
        assert texts.passage(Hit("d", 1.0, "text of [INST]", "T")) == "T text of [ INST]"
        assert texts.passage(Hit("d", 1.0, "text of <b>")) == "text of <b>"
        assert texts.passage(Hit("d", 1.0, "a text that is cut before <|im_end|>")) == "a text that is cut b"
    assert texts.neutralized == 2


def test_a_control_string_that_title_and_text_make_together_is_none() -> None:
    template = Template("x", (), titled="{title}{text}")
    assert passage_text(template, Hit("d", 1.0, "INST] text", "[")) == "[ INST] text"
    assert passage_text(Template("x", (), remove=("--",)), Hit("d", 1.0, "</--s>")) == "< /s>"


@pytest.mark.parametrize(
    ("turn", "query", "passages"),
    [
        ("text = '<{query}>, {passages}'", "|im_end|", ["a", "b"]),
        ("text = '[{query}] {passages}'", "/INST", ["a", "b"]),
        ("text = '{query}{passages}'\npassage = '{passage}'", "<", ["/s>", "b"]),
        ("text = '{query} {passages}'\npassage = '{passage}'\nseparator = ''", "q", ["[IN", "ST]"]),
        ("text = '{query} {passages}'\npassage = '{passage}'\nseparator = '|'", "q", ["<", "im_end|>"]),
    ],
)
def test_no_control_string_arises_where_texts_meet(
    tmp_path: Path, turn: str, query: str, passages: list[str]
) -> None:
    (tmp_path / "p.toml").write_text(f"name = 'x'\n[[turn]]\nrole = 'user'\n{turn}\n", encoding="utf-8")
    [message] = render(load(str(tmp_path / "p.toml")), query, passages)
    assert COMMON.neutralized(message.content) == message.content


@pytest.mark.parametrize("name", built_in())
def test_the_example_of_a_built_in_prompt_is_no_answer(name: str) -> None:
    last = load(name).turns[-1].text
    example = last[last.index("looks like this: ") :]
    assert "] > [" in example
    for text in (
        example,
        ANSWER_NOW,
    ):  # the demo's own prompt, which its model was trained with, shows no example
        assert parse(text, 5).outcome is Outcome.EMPTY


TURN = "[[turn]]\nrole = 'user'\ntext = '{query} {passages}'\n"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("name = ", "parses"),
        ("name = 'x'\nmax_tokens = " + "9" * 5000, "parses"),
        ("name = 'x'\nremove = " + "[" * 9000, "parses"),
        ("name = 'x'", "expected a key `turn`, found none"),
        ("name = 'x'\nturn = []", "expected `turn` to have at least 1 item"),
        ("name = 'x'\nturn = ['user']", "expected `turn` 1 to "),
        ("name = 'x'\n[turn]\nrole = 'user'", "expected `turn` to be a valid list, found"),
        (TURN, "expected a key `name`, found none"),
        (f"name = ' '\n{TURN}", "expected `name` to have at least 1 character, found ' '"),
        (f"name = 3\n{TURN}", "expected `name` to be a valid string, found 3"),
        (f"name = 'x'\nsurprise = 1\n{TURN}", "unknown key `surprise`; expected one of "),
        (f"name = 'x'\n{TURN}surprise = 1", "unknown key `surprise` of `turn` 1"),
        (
            f"name = 'x'\n{TURN.replace('user', 'robot')}",
            "expected `role` of `turn` 1 to be 'system', .*'robot'",
        ),
        (f"name = 'x'\n{TURN}each = 'query'", "expected `each` of `turn` 1 to be 'passage', found 'query'"),
        (f"name = 'x'\n{TURN}each = true", "expected `each` of `turn` 1 to be 'passage', found True"),
        (f"name = 'x'\n{TURN}separator = 1", "expected `separator` of `turn` 1 to be a valid string"),
        ("name = 'x'\n[[turn]]\nrole = ['user']\ntext = 'a'", "expected `role` of `turn` 1 to be 'system', "),
        (
            "name = 'x'\n[[turn]]\nrole = 'user'\ntext = ''",
            "expected `text` of `turn` 1 to have at least 1 char",
        ),
        ("name = 'x'\n[[turn]]\nrole = 'user'", "expected a key `text` of `turn` 1, found none"),
        (
            f"name = 'x'\npassage_chars = 'many'\n{TURN}",
            "expected `passage_chars` to be a valid integer, found 'many'",
        ),
        (f"name = 'x'\npassage_chars = 0\n{TURN}", "expected `passage_chars` to be greater than 0, found 0"),
        (
            f"name = 'x'\npassage_chars = true\n{TURN}",
            "expected `passage_chars` to be a valid integer, found True",
        ),
        (
            f"name = 'x'\npassage_words = -3\n{TURN}",
            "expected `passage_words` to be greater than 0, found -3",
        ),
        (f"name = 'x'\nmax_tokens = 0\n{TURN}", "expected `max_tokens` to be greater than 0, found 0"),
        (
            f"name = 'x'\nmax_tokens = 1e3\n{TURN}",
            "expected `max_tokens` to be a valid integer, found 1000.0",
        ),
        (f"name = 'x'\nmax_tokens = 99999999999\n{TURN}", "expected `max_tokens` to be less than"),
        (f"name = 'x'\nthink = 'yes'\n{TURN}", "expected `think` to be a valid boolean, found 'yes'"),
        (
            f"name = 'x'\nremove = ['a', '']\n{TURN}",
            "expected `remove` 2 to have at least 1 character, found ''",
        ),
        (f"name = 'x'\nremove = [1]\n{TURN}", "expected `remove` 1 to be a valid string, found 1"),
        (f"name = 'x'\nremove = 'a'\n{TURN}", "expected `remove` to be a valid list, found 'a'"),
        (f"name = 'x'\ntitled = '{{title}}'\n{TURN}", "expected {text} in `titled`, found '{title}'"),
        (f"name = 'x'\n{TURN.replace('{query}', '{qery}')}", "no query would be shown"),
        (f"name = 'x'\n{TURN.replace('{passages}', '{passage}')}", "no passage would be shown"),
        (f"name = 'x'\n{TURN}passage = '[{{number}}]'", "no passage would be shown"),
        (f"name = 'x'\n{TURN}each = 'passage'", "no passage would be shown"),
        (
            f"name = 'x'\n{TURN}{TURN.replace('user', 'assistant')}",
            "expected the last .* found the assistant's",
        ),
    ],
)
def test_a_malformed_prompt_is_one_sentence(tmp_path: Path, toml: str, words: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(DataError, match=words) as caught:
        load(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).removeprefix(str(path))) < 400


def test_what_is_no_prompt_at_all_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(DataError, match="expected a prompt as TOML, found none that parses .*utf-8"):
        load(str(path))
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(DataError, match="expected a file of at most 1048576 bytes, found more"):
        load(str(path))
    with pytest.raises(MissingInput, match="cannot be read"):
        load(str(tmp_path / "p.toml" / "p.toml"))


def test_an_unknown_prompt_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="rankgpt, rearank"):
        load("rerank")
    with pytest.raises(MissingInput, match="nowhere.toml"):
        load("nowhere.toml")
