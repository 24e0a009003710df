"""What servers send besides the usual, read without a server."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from rearank_cli.engines.chat_completions import asked_to_wait, decoded, read_answer
from rearank_cli.engines.faults import Fault, Kind
from rearank_cli.records import Sampling


def test_a_count_that_is_null_is_none() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": None}
    sent = {"choices": [{"message": {"content": "[1]"}}], "usage": usage}
    read = read_answer(sent, seconds=2.0, sampling=Sampling(9))
    assert (read.text, read.prompt_tokens, read.output_tokens, read.seconds) == ("[1]", 5, 0, 2.0)


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        ("<html>", Kind.ODD, "expected a chat completion"),
        ([], Kind.ODD, r"expected a chat completion, found \[\]"),
        ({"error": {"message": "m" * 500}}, Kind.ODD, r"an error instead of an answer: m{300}$"),
    ],
)
def test_what_is_no_answer_is_a_fault_in_a_few_words(sent: object, kind: Kind, words: str) -> None:
    with pytest.raises(Fault) as raised:
        read_answer(sent, seconds=0.0, sampling=Sampling(9))
    assert raised.value.kind is kind
    assert re.search(words, raised.value.what)


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        (b" <html>", Kind.FOREIGN, "a web page"),
        (b"data: {}", Kind.ODD, "bytes that are no JSON: b'data: {}'"),
        (b"", Kind.ODD, "bytes that are no JSON: b''"),
        (b"\xff", Kind.ODD, "bytes that are no JSON"),
    ],
)
def test_bytes_that_are_no_json_are_a_fault(sent: bytes, kind: Kind, words: str) -> None:
    with pytest.raises(Fault, match=re.escape(words)) as raised:
        decoded(sent)
    assert raised.value.kind is kind


def test_a_date_to_retry_after_is_a_wait_till_then() -> None:
    now = datetime.now(UTC)
    assert (
        3500 < asked_to_wait({"retry-after": format_datetime(now + timedelta(hours=1), usegmt=True)}) <= 3600
    )
    assert asked_to_wait({"retry-after": format_datetime(now - timedelta(hours=1), usegmt=True)}) == 0.0
