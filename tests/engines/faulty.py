"""An OpenAI-compatible server on loopback that misbehaves as it is told."""

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TEXT = "<think>so</think><answer>[2] > [1]</answer>"
GOOD = {
    "choices": [{"message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7},
}
STATUS = {
    "400": "bad request", "401": "no such key", "403": "not for you", "404": "no such model", "429": "slow down",
    "500": "broken", "503": "overloaded",
}  # fmt: skip


def answer(content: str | None, finish: str = "stop", **message: str) -> dict[str, Any]:
    """A chat completion with this text."""
    return {"choices": [{"message": {"content": content, **message}, "finish_reason": finish}]}


class FaultyServer(ThreadingHTTPServer):
    """Asks `plan` what to do: it gets the number of the request (from 0) and its body, and returns

    a key of `STATUS`, "hang", "drip", "reset", "garbage", "html", "cut", a dict to send as JSON (under the
    status at "status" where it has one), text to send as it is (after "text:"), or "good".
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, plan: Callable[[int, dict[str, Any]], str | dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.plan = plan
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.seen: list[tuple[str, dict[str, str]]] = []  # path and headers of each request
        self.headers: dict[str, str] = {}  # sent with every answer that is not "good"
        self.in_flight = self.most_in_flight = 0
        self.lock = threading.Lock()
        self.over = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news here."""


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # else the body waits for the client to acknowledge the head: 40 ms
    protocol_version = "HTTP/1.1"
    server: FaultyServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Keep quiet."""

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            number = len(server.bodies)
            server.bodies.append(body)
            server.keys.add(self.headers["Authorization"])
            server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            server.in_flight += 1
            server.most_in_flight = max(server.most_in_flight, server.in_flight)
        try:
            self._do(server.plan(number, body))
        finally:
            with server.lock:
                server.in_flight -= 1

    def _do(self, what: str | dict[str, Any]) -> None:
        match what:
            case dict():
                self._send(what.pop("status", 200), json.dumps(what).encode())
            case "good":
                self.server.over.wait(0.01)
                self._send(200, json.dumps(GOOD).encode())
            case "garbage":
                self._send(200, b"\x00\xff\xfe{]")
            case "html":
                self._send(200, b"<!doctype html><title>Welcome</title>", "text/html")
            case "cut":
                self._send(200, json.dumps(GOOD).encode(), missing=1000)
                self.close_connection = True
            case "hang":
                self.server.over.wait(30)
                self.close_connection = True
            case "drip":
                self._send(200, b"", missing=1000)
                while not self.server.over.wait(0.05):
                    self.wfile.write(b" ")
                    self.wfile.flush()
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._send(200, json.dumps(GOOD).encode(), missing=1000)
                os.close(self.connection.detach())
                self.close_connection = True
            case str() if what.startswith("text:"):
                self._send(422, what.removeprefix("text:").encode(), "text/plain")
            case status:
                self._send(int(status), json.dumps({"error": {"message": STATUS[status]}}).encode())

    def _send(self, status: int, data: bytes, kind: str = "application/json", missing: int = 0) -> None:
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) + missing))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


@contextmanager
def serving(plan: Callable[[int, dict[str, Any]], str | dict[str, Any]]) -> Iterator[FaultyServer]:
    """Run a faulty server in a thread for as long as the block lasts."""
    server = FaultyServer(plan)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
