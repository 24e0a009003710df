"""Which numbers of an answer name passages, beside ranks, scores, the numbers of lines and strangers."""

import pytest

from rearank_cli.ranking.permutation import parse
from rearank_cli.records import Outcome, Permutation

LISTS = {
    "prose in numbered lines": (
        "1. **Passage 3**: mentions 2 chairs\n2. **Passage 1**: 4 legs\n3. Passage 4\n4. Passage 2: 1 dog"
    ),
    "sections": (
        "### 1. Passage [3]\n**Why:** see [1].\n### 2. Passage [1]\n"
        "like 2\n### 3. Passage [4]\n### 4. Passage [2]"
    ),
    "passages gone through before": (
        "[1] is about X. [2] is Y. [3] covers all. [4] is short.\n\nRanking: [3], [1], [4], [2]"
    ),
    "the same without brackets": (
        "Passage 1 is X. Passage 2 is Y.\n\n1. Passage 3\n2. Passage 1\n3. Passage 4\n4. Passage 2"
    ),
    "an arrow in prose": "That [2] > [4] seems wrong. So: [3], [1], [4], [2]",
    "numbered within a line": "1. [3] > 2. [1] > 3. [4] > 4. [2]",
    "numbered within a line, no brackets": "1. Passage 3, 2. Passage 1, 3. Passage 4, 4. Passage 2",
    "lines numbered in brackets": "[1] Passage 3\n[2] Passage 1\n[3] Passage 4\n[4] Passage 2",
    "a table with small scores": (
        "| Rank | Passage | Score |\n|--|--|--|\n| 1 | 3 | 4 |\n| 2 | 1 | 3 |\n| 3 | 4 | 2 |\n| 4 | 2 | 1 |"
    ),
    "ranks after passages in a table": (
        "| Passage | Rank |\n|--|--|\n| 3 | 1 |\n| 1 | 2 |\n| 4 | 3 |\n| 2 | 4 |"
    ),
    "comma-separated ranks": "1,3\n2,1\n3,4\n4,2",
    "reasons in JSON": '[{"id": 3, "reason": "4 of 2"}, {"id": 1, "reason": "2 cars"}, {"id": 4}, {"id": 2}]',
    "a count in JSON": '{"top_k": 4, "ranked": [{"id": 3}, {"id": 1}, {"id": 4}, {"id": 2}]}',
    "Chinese": "第1名：段落3\n第2名：段落1\n第3名：段落4\n第4名：段落2",
    "rising": "[2] < [4] < [1] < [3]",
    "groups": "Most relevant: [3]\nRelevant: [1], [4]\nLeast relevant: [2]",
    "ranks in JSON, as presented": (
        '[{"id": 1, "rank": 2}, {"id": 2, "rank": 4}, {"id": 3, "rank": 1}, {"id": 4, "rank": 3}]'
    ),
    "ranks in a table, as presented": (
        "| Passage | Rank |\n|--|--|\n| 1 | 2 |\n| 2 | 4 |\n| 3 | 1 |\n| 4 | 3 |"
    ),
    "ranks in lines, as presented": "[1] - rank 2\n[2] - rank 4\n[3] - rank 1\n[4] - rank 3",
    "bare ranks, as presented": '{"passage_1": 2, "passage_2": 4, "passage_3": 1, "passage_4": 3}',
    "scores, as presented": (
        "Passage [1] - Relevance score: 8\nPassage [2] - Relevance score: 1\n"
        "Passage [3] - Score: 9\nPassage [4]: score 4"
    ),
    "bare scores, as presented": "[1]: 8/10\n[2]: 1/10\n[3]: 9/10\n[4]: 4/10",
    "bare scores, best first": "[3] - 4\n[1] - 3\n[4] - 2\n[2] - 1",
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS.keys())
def test_numbers_beside_those_of_passages_do_not_change_the_order(text: str) -> None:
    # FlashRank#33, llama_index#11470, mem0#5655: list numbers, ranks, scores and prose read as passages.
    assert parse(text, 4) == Permutation((2, 0, 3, 1), Outcome.CLEAN)


def test_numbered_lines_that_lack_a_passage_are_repaired() -> None:
    text = "1. Passage 3 (4 points)\n2. Passage 1: 2 cars\n3. Passage 4"
    assert parse(text, 4) == Permutation((2, 0, 3, 1), Outcome.REPAIRED)


def test_an_identity_in_numbered_lines_is_an_order() -> None:
    text = "1. Passage 1 has 4 doors\n2. Passage 2\n3. Passage 3\n4. Passage 4"
    assert parse(text, 4) == Permutation((0, 1, 2, 3), Outcome.CLEAN)


@pytest.mark.parametrize(
    ("completion", "order", "outcome"),
    [
        # passages that are called so, with other numbers beside them
        ("Passage 3 (2 cars), Passage 1 with 4 doors, Passage 4, Passage 2", (3, 1, 4, 2), Outcome.CLEAN),
        ("Passage 3 (2 cars), Passage 1 with 4 doors, Passage 2", (3, 1, 2), Outcome.CLEAN),
        (
            "Passage 2 is odd. Passage 1 has 4 doors, Passage 2 less, Passage 3 is it, Passage 4 too. "
            "So: Passage 3 (2 cars), Passage 1, Passage 4, Passage 2",
            (3, 1, 4, 2),
            Outcome.CLEAN,
        ),
        # a stranger among them
        ("Passage 5 and Passage 3 and Passage 1 and Passage 4 and Passage 2", (3, 1, 4, 2), Outcome.REPAIRED),
        ("Passage 0 and Passage 3 and Passage 1 and Passage 4 and Passage 2", (3, 1, 4, 2), Outcome.REPAIRED),
        # half of them
        ("Passage 5 has 2 cars, Passage 6 has 1, then Passage 4", (5, 6, 4, 1, 2, 3), Outcome.REPAIRED),
        # the longest of several orders
        ("[4] > [3]. No: [2] > [1] > [3]", (2, 1, 3, 4, 5), Outcome.REPAIRED),
    ],
)
def test_numbers_that_name_passages_are_told_from_those_beside_them(
    completion: str, order: tuple[int, ...], outcome: Outcome
) -> None:
    assert parse(completion, len(order)) == Permutation(tuple(number - 1 for number in order), outcome)
