"""Passwords and keys in addresses, however they were typed, and what is none of them."""

import json
from pathlib import Path

import pytest

from rearank_cli.redaction import is_url, shown_url, without_secrets
from tests.conftest import Run

CANDIDATES = json.dumps(
    {"query": {"qid": "1", "text": "q"}, "candidates": [{"docid": d, "doc": d} for d in "ab"], "tag": "d:r"}
)


@pytest.mark.parametrize(
    "text",
    [
        "http://me:s3cret@host/v1",
        "https://s3cret@host/v1",
        "HTTP://me:s3cret@host",
        "http://me:p@s3cret@host/v1",
        "http://me:s3/cret@host/v1",
        "http://me:s3?cret#@host/v1",
        "htp:/me:s3cret@host",
        "http:me:s3cret@host/v1",
        "http//me:s3cret@host",
        "//me:s3cret@host/v1",
        "--base-url=wss://me:s3cret@host",
        "'http://host/v1?key=s3cret'",
        "http://host/v1?a=1&api_key=s3cret&b=2",
        "http://host/v1?X-Amz-Signature=s3cret",
        "http://host/v1?subscription-key=s3cret",
        "http://host/v1#access_token=s3cret",
        "http://host/v1?code=s3cret%2Fx==",
        "GET /v1/models?token=s3cret failed",
    ],
)
def test_secrets_are_taken_out_of_a_text(text: str) -> None:
    for found in (without_secrets(f"see {text}: refused"), shown_url(text)):
        assert not any(part in found for part in ("s3", "cret"))


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8000/v1",
        "http://[::1]:8000/v1",
        "http://host:8000/v1/@cf/meta/llama",
        "dl19:bm25:org/model@main",
        "https://site/page?id=7",
        "mail me@host, or ask: who? a=b",
        "runs/a.trec",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("me:s3cret@host:8000/v1", "host:8000/v1"),
        ("http://me:12/34@host", "http://host"),
        ("http://host/v1?s3cret", "http://host/v1?***"),
        ("http://host/v1?any=s3cret&api-version=2024-02-01", "http://host/v1?any=***&api-version=2024-02-01"),
        ("http://host/v1?api-version=s3cret;x=1&b=2", "http://host/v1?api-version=***&b=***"),
    ],
)
def test_of_a_server_s_address_nothing_but_the_harmless_is_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    "url", ["", "host", "htp://host", "http:/host", "http://h:port/", "http://h:0", "http://["]
)
def test_what_is_no_address(url: str) -> None:
    assert not is_url(url)


def test_a_key_in_the_query_string_is_not_written_to_provenance(rearank: Run, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(CANDIDATES, encoding="utf-8")
    recorded = tmp_path / "http:me:s3cret@host" / "answers.jsonl"
    recorded.parent.mkdir()
    recorded.write_text(json.dumps({"qid": "1", "docids": ["a", "b"], "completion": "[2] > [1]"}))
    run = tmp_path / "run.trec"
    rearank(
        "rerank",
        str(tmp_path / "in.jsonl"),
        "--replay",
        str(recorded),
        "--tag",
        "x?key=s3cret",
        "-o",
        str(run),
    )
    assert "s3cret" not in (tmp_path / "run.trec.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("piece", ["a", "http:", "a:/", "?" + "key" * 9, "&token", "x://a:"])
def test_a_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    """What took minutes: a sentence that named a docid of two million letters."""
    text = piece * (200_000 // len(piece))
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "url",
    [
        "http://h/v1#SECRET", "http://h/v1?SECRET", "http://h/v1?SECRET==", "http://h/v1?SECRET#a=1",
        "http://h/v1?a=1#SECRET", "http://h/v1?a=1&SECRET", "http://h/v1;SECRET", "http://me:SECRET x@h/v1",
        "http://me:x SECRET@h/v1", "http://SEC RET@h/v1",
    ],
)  # fmt: skip
def test_no_part_of_an_address_that_has_no_name_is_shown(url: str) -> None:
    assert "SEC" not in shown_url(url)
    assert "RET" not in shown_url(url)
