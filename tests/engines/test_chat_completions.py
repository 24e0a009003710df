"""What servers send besides the usual, read without a server."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from rearank_cli.engines.chat_completions import Fault, Kind, adapted, asked_to_wait, read_answer


def test_json_under_another_content_type_is_read_as_json() -> None:
    sent = '{"choices": [{"message": {"content": "[1]"}}], "usage": {"prompt_tokens": 5, "completion_tokens": null}}'
    read = read_answer(sent, seconds=2.0)
    assert (read.text, read.prompt_tokens, read.output_tokens, read.seconds) == ("[1]", 5, 0, 2.0)


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        (" <html>", Kind.FOREIGN, "a web page"),
        ("data: {}", Kind.ODD, "bytes that are no JSON: 'data: {}'"),
        ([], Kind.ODD, r"expected a chat completion, found \[\]"),
        ({"error": {"message": "m" * 500}}, Kind.ODD, r"an error instead of an answer: 'm{119}$"),
    ],
)
def test_what_is_no_answer_is_a_fault_in_a_few_words(sent: object, kind: Kind, words: str) -> None:
    with pytest.raises(Fault) as raised:
        read_answer(sent, seconds=0.0)
    assert raised.value.kind is kind
    assert re.search(words, raised.value.what)


def test_a_date_to_retry_after_is_a_wait_till_then() -> None:
    now = datetime.now(UTC)
    assert (
        3500 < asked_to_wait({"retry-after": format_datetime(now + timedelta(hours=1), usegmt=True)}) <= 3600
    )
    assert asked_to_wait({"retry-after": format_datetime(now - timedelta(hours=1), usegmt=True)}) == 0.0


def test_a_server_that_takes_neither_name_of_the_budget_gets_none() -> None:
    assert adapted({"max_tokens": 9, "stop": []}, ["max_tokens", "max_completion_tokens"]) == {"stop": []}
