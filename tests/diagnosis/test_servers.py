"""A server is asked for its models."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from rearank_cli.diagnosis.findings import State
from rearank_cli.diagnosis.servers import server
from rearank_cli.errors import UsageError


@contextmanager
def serving(status: int, body: bytes) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Answer every GET with this; yield the address and what was asked (path, key)."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/v1", asked
        http.shutdown()


def models(*names: str) -> bytes:
    return json.dumps({"data": [{"id": name} for name in names]}).encode()


def test_a_server_tells_its_models() -> None:
    with serving(200, models("a", "b", "c", "d")) as (url, asked):
        found = server(f"{url}/", "secret")
    assert asked == [("/v1/models", "Bearer secret")]
    assert found.state is State.WORKS
    assert found.text == "serves a, b, c and 1 more"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"", "answers 401 to GET /models; see --api-key-env"),
        (404, b"", "answers 404 to GET /models; expected the address that ends with /v1"),
        (200, b"<html>", "something else"),
        (200, b'{"models": []}', "something else"),
        (200, b"[1]", "something else"),
    ],
)
def test_what_is_no_such_server_is_broken(status: int, body: bytes, words: str) -> None:
    with serving(status, body) as (url, _):
        found = server(url)
    assert found.state is State.BROKEN
    assert words in found.text


def test_a_server_that_is_down_is_broken() -> None:
    with serving(200, models()) as (url, _):
        pass
    found = server(url.replace("http://", "http://me:word@"))
    assert (found.part, found.state) == (f"server {url}", State.BROKEN)
    assert "does not answer" in found.text


def test_an_address_is_an_address() -> None:
    with pytest.raises(UsageError, match="--base-url 'localhost:8000'"):
        server("localhost:8000")


@pytest.mark.parametrize(
    "url", ["htp:/me:s3cret@host", "me:s3cret@host:80", "http://me:s3/cret@host", "//me:s3cret@h"]
)
def test_the_password_of_an_address_that_is_none_is_not_said(url: str) -> None:
    with pytest.raises(UsageError, match="expected a URL such as") as caught:
        server(url)
    assert "cret" not in str(caught.value)


def test_user_password_and_key_in_the_address_are_sent_and_not_shown() -> None:
    with serving(200, models("a")) as (url, asked):
        found = server(url.replace("http://", "http://me:w%40rd@") + "?key=s3cret")
    assert asked == [("/v1/models?key=s3cret", "Basic bWU6d0ByZA==")]
    assert found.state is State.WORKS
    assert found.part == f"server {url}?key=***"
