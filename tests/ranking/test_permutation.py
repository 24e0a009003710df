"""The parser: recorded answers, the pinned rule case by case, and anything at all."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.ranking.permutation import parse
from rearank_cli.reasoning import MARKS
from rearank_cli.records import Outcome, Permutation
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
        ("<think>a</think><answer>[2] > [2] > [9] > [0]</answer>", 3, (2, 1, 3), PARTIAL),
        ("<answer>[3] > [1]</answer>", 3, (3, 1, 2), REPAIRED),
        ("<answer>1234567 [2] > [1]</answer>", 2, (2, 1), CLEAN),  # no passage number: too long a run
        ("<answer>[2] > [1] > [000001]</answer>", 2, (2, 1), REPAIRED),
        ("<think>x</think><answer>[3] > [2", 3, (3, 2, 1), TRUNCATED),
        ("<think>x</think><answer>", 2, (1, 2), TRUNCATED),
        ("<answer>[3] > [1] wait, <answer>[2", 3, (2, 1, 3), TRUNCATED),  # the last one counts here too
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
        ("[3] > [4]; see also [1], [2]", 4, (3, 4, 1, 2), REPAIRED),  # half of them are an order
        ("| 1 | 9 |\n| 2 | 8 |", 2, (1, 2), REPAIRED),  # scores that follow the passages
        ("anything 1", 1, (1,), CLEAN),
        ("", 0, (), CLEAN),
    ],
)
def test_the_pinned_rule(completion: str, n: int, order: tuple[int, ...], outcome: Outcome) -> None:
    read = parse(completion, n)
    assert tuple(place + 1 for place in read.order) == order
    assert read.outcome is outcome


REVERSED = (4, 3, 2, 1)


@pytest.mark.parametrize(
    ("completion", "order"),
    [
        # FlashRank#33, llama_index#11470: the numbers of lines
        ("1. [4]\n2. [3]\n3. [2]\n4. [1]", REVERSED),
        ("1. Passage 4\n2. Passage 3\n3. Passage 2\n4. Passage 1", REVERSED),
        ("1) 4\n2) 3\n3) 2\n4) 1", REVERSED),
        ("(1) [4]\n(2) [3]\n(3) [2]\n(4) [1]", REVERSED),
        ("**1.** [4]\n**2.** [3]\n**3.** [2]\n**4.** [1]", REVERSED),
        ("#1: 4\n#2: 3\n#3: 2\n#4: 1", REVERSED),
        ("| Rank | Passage | Score |\n|---|---|---|\n| 1 | 4 | 9.5 |\n| 2 | 3 | 8 |\n| 3 | 2 | 1 |", REVERSED),
        ("[1] 4\n[2] 3\n[3] 2\n[4] 1", REVERSED),
        ("4. On couches\n3. On lamps\n2. On boats\n1. On harbors", REVERSED),  # not 1, 2, 3: these are ids
        ("1. On couches\n2. On lamps", (1, 2, 3, 4)),
        # mem0#5655: scores, decimals, shares
        ("[3] (0.9) > [1] (0.8) > [4] (0.7) > [2] (0.1)", (3, 1, 4, 2)),
        ("[3] (9) > [1] (8) > [4] (2) > [2] (1)", (3, 1, 4, 2)),
        ("[3]: 9\n[1]: 8\n[4]: 2\n[2]: 1", (3, 1, 4, 2)),
        ("Passage 3: 9/10\nPassage 4: 8/10\nPassage 1: 2/10\nPassage 2: 1/10", (3, 4, 1, 2)),
        ("Passage 3 (95%), passage 4 (80 %), passage 1 (7%), passage 2 (5%)", (3, 4, 1, 2)),
        ("[4] - relevance score: 3\n[3] - relevance score: 2\n[2] - relevance score: 2\n[1]", REVERSED),
        ("4 (0.9), 3 (0.8), 2 (.7), 1 (0.6)", REVERSED),
        ('{"4": 0.9, "3": 0.8, "2": 0.7, "1": 0.1}', REVERSED),
        # ranks in JSON and in words
        ('[{"rank": 1, "id": 4}, {"rank": 2, "id": 3}, {"rank": 3, "id": 2}, {"rank": 4, "id": 1}]', REVERSED),
        ('[{"passage": 4, "final_score": 9}, {"passage": 3, "final_score": 2}, {"passage": 2}]', REVERSED),
        ('{"ranking": [4, 3, 2, 1], "scores": [1, 4, 2, 3]}', REVERSED),
        ("Rank 1: Passage 4\nRank 2: Passage 3\nRank 3: Passage 2\nRank 4: Passage 1", REVERSED),
        ("1st: passage 4, 2nd: passage 3, 3rd: passage 2, 4th: passage 1", REVERSED),
        # counts
        ("The best 2 are 4 and 3.", (4, 3, 1, 2)),
        ("The 2 most relevant passages are [4] and [3]", (4, 3, 1, 2)),
        ("Of the 4 passages, [3] is best, then [4], [1] and [2].", (3, 4, 1, 2)),
        # an order with arrows wins over what stands around it
        ("[2] is on couches, [1] is not.\nFinal ranking: [4] > [3] > [2] > [1]", REVERSED),
        ("[4] > [3] > [2] > [1]\n\nPassage 1 is off topic (of 2003); 2 is better.", REVERSED),
        ("Ranking: 4 > 3 > 2 > 1", REVERSED),
        ("Relevance order: 4, 3, 2, 1", REVERSED),
        ("[4] → [3] → [2] → [1]", REVERSED),
        ("Passage [4] > Passage [3] > Passage [2] > Passage [1]", REVERSED),
        ("4] > [3] > [2] > [1]", REVERSED),  # its first bracket was lost
    ],
)  # fmt: skip
def test_numbers_that_name_no_passage_are_not_read(completion: str, order: tuple[int, ...]) -> None:
    assert tuple(place + 1 for place in parse(completion, 4).order) == order
    assert (
        tuple(place + 1 for place in parse(f"<think>[1]</think><answer>{completion}</answer>", 4).order)
        == order
    )


@pytest.mark.parametrize(
    ("completion", "order"),
    [
        # words of ranks and scores before a passage
        ("Ranking:\n[4]\n[3]\n[2]\n[1]", REVERSED),
        ("Final ranking: [4] [3] [2] [1]", REVERSED),
        ("Ranking:\n4\n3\n2\n1", REVERSED),
        ("Sorted by score:\n[4]\n[3]\n[2]\n[1]", REVERSED),
        ("Most relevant: [4], then [3], then [2], then [1]", REVERSED),
        ("I rank [4] before [3] before [2] before [1]", REVERSED),
        ("Probably [4] and [3], and [2] and [1]", REVERSED),
        ("Rank [1]: [4]\nRank [2]: [3]\nRank [3]: [2]\nRank [4]: [1]", REVERSED),
        ("[4], score: [1]\n[3], score: [2]\n[2], score: [4]\n[1], score: [3]", REVERSED),
        # fractions
        ("Passage 4: 9/12, passage 3: 8/12, passage 2: 1/12, passage 1", REVERSED),
        ("Passage 4: 95/100, passage 3: 1 / 100, passage 2: 1/100, passage 1", REVERSED),
        ("on 12/03/2004: 4, 3, 2, 1", REVERSED),
        # two orders are no table
        ("[1] → [3]\nno:\n[2] → [4] → [3] → [1]", (2, 4, 3, 1)),
    ],
)
def test_words_beside_a_passage_do_not_take_it_from_the_order(
    completion: str, order: tuple[int, ...]
) -> None:
    assert tuple(place + 1 for place in parse(completion, 4).order) == order


@pytest.mark.parametrize(
    ("completion", "order"),
    [
        ("[5] > [6], or else: [1], [2], [4], [3]", (5, 6, 1, 2, 4, 3)),  # two of six are no order
        ("[4] is best, then 3, 2 and 1", (4, 3, 2, 1)),  # one number in brackets is no list
        ("| 1 | 2 |\n| 2 | 1 |", (2, 1)),
        ("| 2 | 1 |\n| 1 | 2 |", (2, 1)),  # ranks that follow the passages
        ("[4] > [3]. No: [2] > [1] > [3] > [4]", (2, 1, 3, 4)),  # the one that names the most
        ("1; 3; 2", (1, 3, 2)),
    ],
)
def test_of_the_numbers_left_an_order_counts_before_brackets_and_brackets_before_all(
    completion: str, order: tuple[int, ...]
) -> None:
    assert tuple(place + 1 for place in parse(completion, len(order)).order) == order


@pytest.mark.parametrize(
    ("completion", "order", "outcome"),
    [
        ("[4], [3], [2], [1] because", REVERSED, CLEAN),
        ("[4] [3] [2] [1]\nsince", REVERSED, CLEAN),
        ("[#4], [#3], [#2], [#1] because", REVERSED, CLEAN),
        ("4, 3, 2, 1\nsince", REVERSED, CLEAN),
        ("[4] (1), [3] (2), [2] (3), [1] (4) as", REVERSED, CLEAN),
        ("[4]: 1\n[3]: 2\n[2]: 3\n[1]: 4\nas", REVERSED, CLEAN),
        ("4 (0.9), 3 (0.8), 2 (0.7), 1 (0.6) as", REVERSED, CLEAN),
        ("[4] > [3] > [2] > [1] > [1] > [1", REVERSED, REPAIRED),
        ("[4] > [3] > [", (4, 3, 1, 2), TRUNCATED),
        ("1) 4\n2) 3\nsince", (1, 2, 3, 4), TRUNCATED),  # ranks of lines beside two passages
        ("[1] 4\n[2] 3\n[3] 2\n[4] 1\nsince", (1, 2, 3, 4), TRUNCATED),  # a table of ranks
    ],
)
def test_a_list_that_begins_a_completion_that_was_cut_off_counts_if_it_is_one_of_passages(
    completion: str, order: tuple[int, ...], outcome: Outcome
) -> None:
    assert parse(completion, 4, cut=True) == Permutation(tuple(number - 1 for number in order), outcome)


@pytest.mark.parametrize(("opening", "closing"), MARKS)
@pytest.mark.parametrize("case", [str, str.upper, str.title])
def test_reasoning_in_any_marks_is_no_answer(opening: str, closing: str, case: Callable[[str], str]) -> None:
    opening, closing = case(opening), case(closing)
    assert parse(f"{opening}[1] fits, [2] does not{closing}[2] > [1]", 2) == Permutation((1, 0), CLEAN)
    assert parse(f"[1] fits, [2] does not{closing}[2] > [1]", 2) == Permutation((1, 0), CLEAN)
    assert parse(f"{opening}[2] > [1] is <answer>[2] > [1]</answer>", 2) == Permutation((0, 1), TRUNCATED)


QUOTED = "<answer>[2] > [1]</answer>"


@pytest.mark.parametrize(
    ("completion", "order", "outcome"),
    [
        # vllm#52393, #38499: the format is quoted while the model thinks, and the tokens run out
        (f"<think>The form is {QUOTED}. So", (1, 2), TRUNCATED),
        (f"<think>First <think></think>, then {QUOTED}. So", (1, 2), TRUNCATED),
        (f"<think>After </think> comes {QUOTED}. So", (1, 2), TRUNCATED),
        (f"The form is {QUOTED}. So", (1, 2), TRUNCATED),  # the template opened the reasoning, unseen
        ("<think>First <think></think>[2] > [1]. So", (1, 2), TRUNCATED),
        # prose that was cut is not read by its digits
        ("A couch of 1 m at 3000 psi, and 2", (1, 2), TRUNCATED),
        ("I compare passage [2] and passage [1]", (1, 2), TRUNCATED),
        ("[2] > ", (1, 2), TRUNCATED),
        # a whole answer counts, whatever the model went on to write
        (f"<think>so</think>\n{QUOTED} and so on", (2, 1), CLEAN),
        (f"{QUOTED} and so on", (2, 1), CLEAN),
        ("[2] > [1]\nsince 1 is", (2, 1), CLEAN),
        ("<think>so</think>\n[2] > [1]\nsince 1 is", (2, 1), CLEAN),
    ],
)
def test_a_completion_that_was_cut_off_counts_only_if_its_answer_is_whole(
    completion: str, order: tuple[int, ...], outcome: Outcome
) -> None:
    read = parse(completion, 2, cut=True)
    assert tuple(place + 1 for place in read.order) == order
    assert read.outcome is outcome


@given(text=st.text(alphabet="[]>1234 .,\n():ab", max_size=60), n=st.integers(1, 12))
def test_what_stands_in_the_reasoning_changes_nothing(text: str, n: int) -> None:
    answer = "<answer>" + " > ".join(f"[{number}]" for number in range(n, 0, -1)) + "</answer>"
    for cut in (False, True):
        assert parse(f"<think>{text}</think>{answer}", n, cut=cut) == Permutation(
            (*range(n - 1, -1, -1),), CLEAN
        )


@pytest.mark.parametrize(
    ("completion", "n", "outcome"),
    [
        ("I have read passage [3].", 5, PARTIAL),
        ("[3] > [1]", 5, PARTIAL),
        ("[3] > [1]", 4, REPAIRED),  # half is an order
        ("<answer>[2]</answer>", 3, PARTIAL),
    ],
)
def test_an_answer_that_names_less_than_half_is_partial(completion: str, n: int, outcome: Outcome) -> None:
    assert parse(completion, n).outcome is outcome


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


def test_a_million_characters_of_marks_and_numbers_give_every_passage_once() -> None:
    long = "<answer>" * 60_000 + "<think>" * 60_000 + "[1] " * 60_000
    assert sorted(parse(long, 20).order) == list(range(20))
