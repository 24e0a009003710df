"""The parser: recorded answers, the pinned rule case by case, and anything at all."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.ranking.permutation import parse
from rearank_cli.records import Outcome
from tests.ranking.test_prompts import recipe

CLEAN, REPAIRED, PARTIAL, TRUNCATED, EMPTY, *_ = Outcome


@pytest.mark.parametrize(
    ("completion", "n", "order", "outcome"),
    [
        ("<think>[3] no</think><answer>[2] > [1] > [3]</answer>", 3, (2, 1, 3), CLEAN),
        ("<thinking>[3]</thinking>\n<answer>2, 1, 3</answer>", 3, (2, 1, 3), CLEAN),
        ("<answer>[1]</answer> no, <answer>[3] > [2] > [1]</answer>", 3, (3, 2, 1), CLEAN),
        ("<think><answer>[3]</answer></think><answer>[2] > [1] > [3]</answer>", 3, (2, 1, 3), CLEAN),
        ("<answer><answer>[2] > [1]</answer></answer>", 2, (2, 1), CLEAN),
        ("<answer>[2] > [1]</answer> out of 7 </answer>", 2, (2, 1), CLEAN),
        ("<think>a</think><answer>[2] > [2] > [9] > [0]</answer>", 3, (2, 1, 3), REPAIRED),
        ("<answer>[3] > [1]</answer>", 3, (3, 1, 2), REPAIRED),
        ("<answer>1234567 [2] > [1]</answer>", 2, (2, 1), CLEAN),  # no passage number: too long a run
        ("<answer>[2] > [1] > [000001]</answer>", 2, (2, 1), REPAIRED),
        ("<think>x</think><answer>[3] > [2", 3, (3, 2, 1), TRUNCATED),
        ("<think>x</think><answer>", 2, (1, 2), TRUNCATED),
        ("<answer>[3] wait, <answer>[2] > [1", 3, (2, 1, 3), TRUNCATED),  # the last one counts here too
        ("<think>[2] is better than [1]", 2, (1, 2), TRUNCATED),
        ("<thinking>[2]", 2, (1, 2), TRUNCATED),
        ("<think>[1]</think> [2] > [1]", 2, (2, 1), CLEAN),
        ("<thinking>[1]</thinking> [2] > [1]", 2, (2, 1), CLEAN),
        ("[1] first</think> [2] > [1]", 2, (2, 1), CLEAN),  # the template opened the tag
        ("<think>[2]</think> I cannot say", 2, (1, 2), EMPTY),
        ("<think>a</think> again <think>[2]", 2, (1, 2), TRUNCATED),
        ("[2] > [1]", 2, (2, 1), CLEAN),
        ("passage 2 beats passage 1 since 2 is on topic", 2, (2, 1), REPAIRED),
        ("", 2, (1, 2), EMPTY),
        ("no idea", 2, (1, 2), EMPTY),
        ("<answer>٢ > ١</answer>", 2, (1, 2), EMPTY),  # digits are 0-9
        ("<answer>\x00[2]\ud800[1]</answer>", 2, (2, 1), CLEAN),
        ("9" * 10_000, 3, (1, 2, 3), EMPTY),
        ("anything 1", 1, (1,), CLEAN),
        ("", 0, (), CLEAN),
    ],
)
def test_the_pinned_rule(completion: str, n: int, order: tuple[int, ...], outcome: Outcome) -> None:
    read = parse(completion, n)
    assert tuple(place + 1 for place in read.order) == order
    assert read.outcome is outcome


def test_recorded_answers_give_the_permutation_of_the_field(shared: Path) -> None:
    lines = (shared / "parser" / "completions.jsonl").read_bytes().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 566
    for row in rows:
        start = min(row["permutation"])
        assert list(parse(row["completion"], row["n"]).order) == [i - start for i in row["permutation"]]


def test_a_real_reasoning_answer_is_read_from_its_answer(shared: Path) -> None:
    sample = json.loads((shared / "parser" / "sard_sft_example0.json").read_text(encoding="utf-8"))
    completion = next(text for text in strings(sample) if "</thinking>" in text and "<answer>" in text)
    answer = completion.rpartition("<answer>")[2].partition("</answer>")[0]
    named = [int(part.strip(" []\n")) - 1 for part in answer.split(">")]
    read = parse(completion, 20)
    assert list(read.order[: len(named)]) == named
    assert len(named) == 15
    assert read.outcome is Outcome.REPAIRED


def strings(value: object) -> list[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in strings(item)]


PIECES = ["<think>", "</think>", "<thinking>", "</thinking>", "<answer>", "</answer>", "[1]", "[2] > ", "[3]",
          "99", "٣", "\x00", "\ud800", "0" * 50, " ", "so [7]", "\n"]  # fmt: skip


@given(
    completion=st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)),
    n=st.integers(0, 30),
)
def test_any_text_at_all_gives_every_passage_exactly_once(completion: str, n: int) -> None:
    assert sorted(parse(completion, n).order) == list(range(n))


BAD = recipe("bench/bad_completions.py")


@settings(max_examples=2000)
@given(kind=st.sampled_from(BAD.SHORT), seed=st.integers(0, 2**32), n=st.integers(1, 30))
def test_completions_of_every_bad_kind_give_every_passage_exactly_once(kind: Any, seed: int, n: int) -> None:
    assert sorted(parse(kind(random.Random(seed), n), n).order) == list(range(n))


def test_a_million_characters_take_no_time_to_speak_of() -> None:
    long = "<answer>" * 60_000 + "<think>" * 60_000 + "[1] " * 60_000
    assert sorted(parse(long, 20).order) == list(range(20))
