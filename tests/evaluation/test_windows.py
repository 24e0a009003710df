"""What a trace says of a run's cost, and what a damaged one is told."""

import json
from io import BufferedReader, BytesIO

import pytest

from rearank_cli.errors import DataError
from rearank_cli.evaluation.costs import Cost, read_cost
from rearank_cli.evaluation.windows import read_windows
from rearank_cli.formats.streams import Source
from rearank_cli.records import Outcome

HEADER: dict[str, object] = {"rearank": "0", "asked": {}}
ANSWER: dict[str, object] = {
    "qid": "q1", "docids": ["a", "b"], "completion": "[2] > [1]", "outcome": "clean", "permutation": [2, 1],
    "prompt_tokens": 100, "output_tokens": 30, "seconds": 0.5,
}  # fmt: skip


def trace(*rows: object) -> Source:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    return Source("trace.jsonl", BufferedReader(BytesIO("".join(f"{line}\n" for line in lines).encode())))


def test_a_word_means_in_the_costs_what_it_means_in_the_records() -> None:
    """And every answer counts: one that was asked for again, as often as it came."""
    cost = read_cost(
        trace(
            HEADER,
            *({**ANSWER, "outcome": outcome, "prompt": outcome} for outcome in Outcome),
            {**ANSWER, "prompt": "clean"},
        )
    )
    total = len(Outcome) + 1
    assert cost.calls == total
    assert cost.malformed == sum(outcome.is_malformed for outcome in Outcome) / total > 0
    assert cost.repaired == sum(outcome.is_repaired for outcome in Outcome) / total > 0
    assert cost.failed == sum(outcome.is_failure for outcome in Outcome) / total > 0


def test_a_window_that_failed_counts_with_the_last_answer_to_it() -> None:
    failed = {**ANSWER, "outcome": "failed", "prompt": "0"}
    refused = {**failed, "qid": "q2", "outcome": "refused"}
    cost = read_cost(
        trace(HEADER, failed, refused, {**ANSWER, "prompt": "1"}, HEADER, failed, HEADER, ANSWER, refused)
    )
    assert (cost.calls, cost.failed) == (3.0, 0.5)  # of q1 twice an answer and a failure, of q2 a refusal
    cost = read_cost(trace(HEADER, failed, refused, HEADER, {**ANSWER, "prompt": "0"}))
    assert (cost.calls, cost.failed) == (1.5, 0.5)


def test_a_query_costs_the_average_of_its_answers_sums() -> None:
    found = read_cost(trace(HEADER, ANSWER, ANSWER, HEADER, {**ANSWER, "qid": 2, "output_tokens": 3}))
    assert found == Cost(
        queries=2, calls=1.5, prompt_tokens=150.0, output_tokens=31.5, seconds=0.75, malformed=0.0, repaired=0.0,
        failed=0.0, written={"q1": 60, "2": 3},
    )  # fmt: skip


def test_a_recording_of_another_tool_can_be_shown_and_has_no_cost() -> None:
    row = {"qid": "q1", "docids": ["a"], "completion": "[1]"}
    ((_, window),) = read_windows(trace(row))
    assert (window.outcome, window.order, window.docids) == (None, (), ("a",))
    with pytest.raises(DataError, match='trace.jsonl:1: expected "outcome" beside "completion", found none'):
        read_cost(trace(row))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ANSWER, "prompt_tokens": {"a": 1}}, 'expected "prompt_tokens" as a number from 0 to 1000000000'),
        ({**ANSWER, "prompt_tokens": True}, "found True"),
        ({**ANSWER, "output_tokens": "many"}, "found 'many'"),
        ({**ANSWER, "output_tokens": None}, "found None"),
        ({**ANSWER, "output_tokens": 1.5}, 'expected "output_tokens" as a whole number, found 1.5'),
        ({**ANSWER, "output_tokens": 1 << 63}, "found 9223372036854775808"),
        ({**ANSWER, "output_tokens": 10**40}, "found 1e+40"),
        ({**ANSWER, "seconds": -1}, 'expected "seconds" as a number from 0'),
        ({**ANSWER, "seconds": float("nan")}, "expected finite numbers, found NaN"),
        ({**ANSWER, "seconds": 10**400}, "expected one JSON object a line, found none that parses"),
        ({**ANSWER, "outcome": "odd"}, 'expected "outcome" as one of clean, repaired, partial, truncated'),
        ({**ANSWER, "outcome": ["clean"]}, "found ['clean']"),
        ({**ANSWER, "outcome": {}}, "found {}"),
        ({**ANSWER, "outcome": None}, "found None"),
        ({**ANSWER, "qid": {"a": "b"}}, "expected qid as a string, found {'a': 'b'}"),
        ({**ANSWER, "completion": ["x" * 1000]}, 'expected "completion" as a string, found [\'xxxx'),
        ({**ANSWER, "docids": 3}, 'expected "docids" as a list, found 3'),
        ({**ANSWER, "docids": [None]}, "expected docid as a string, found None"),
        ({**ANSWER, "permutation": ["1"]}, 'expected "permutation" as numbers from 1, found \'1\''),
        ({"qid": "q1", "completion": "[1]", "docids": ["a"]}, 'expected "outcome" beside "completion", found none'),
        ({"completion": "[1]"}, 'expected "qid" beside "completion", found [\'completion\']'),
        ("[1]", "expected a JSON object, found a list"),
        ("null", "expected a JSON object, found nothing"),
        ("{", "expected one JSON object a line, found none that parses"),
        ("[" * 9999, "expected one JSON object a line, found none that parses"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_one_sentence(row: object, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_cost(trace(HEADER, ANSWER, row))
    sentence = str(caught.value)
    assert sentence.startswith("trace.jsonl:3: ")
    assert message in sentence
    assert len(sentence) < 300
