"""An OpenAI-compatible server that ranks nothing and takes its time: answers of known length, at a known pace.

    python recipes/bench/latency_server.py --port 8300 --ms-per-token 1

Its answer to a prompt, and the number of tokens that it pretends to write (log-normal, median 600, sigma
0.6, between 200 and 2000), depend on the prompt's text and the seed only. Time a token does not depend on
how many requests are in flight. GET /stats tells what was asked.
"""

import argparse
import hashlib
import json
import math
import random
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MEDIAN, SIGMA, SHORTEST, LONGEST = 600, 0.6, 200, 2000


@dataclass
class Stats:
    """What a server was asked; `area` is prompts in flight, integrated over seconds."""

    requests: int = 0
    distinct: set[str] = field(default_factory=set)
    flying: int = 0
    peak: int = 0
    area: float = 0.0
    since: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, key: str) -> None:
        """Count a request that begins."""
        with self.lock:
            self._tick()
            self.requests += 1
            self.distinct.add(key)
            self.flying += 1
            self.peak = max(self.peak, self.flying)

    def leave(self) -> None:
        """Count a request that ends."""
        with self.lock:
            self._tick()
            self.flying -= 1

    def _tick(self) -> None:
        now = time.monotonic()
        self.area += self.flying * (now - self.since)
        self.since = now


class LatencyServer(ThreadingHTTPServer):
    """The server; `ms_per_token` 0 answers at once, and while `open` is cleared nothing is answered."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port: int = 0, *, ms_per_token: float = 1.0, seed: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.ms_per_token = ms_per_token
        self.seed = seed
        self.stats = Stats()
        self.open = threading.Event()
        self.open.set()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away: that is what is tested."""

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def random(self, text: str) -> random.Random:
        """Return the randomness of one prompt."""
        return random.Random(
            hashlib.blake2b(f"{self.seed}\0{text}".encode("utf-8", "surrogatepass")).digest()
        )


class Handler(BaseHTTPRequestHandler):
    """Answers chat completions with a random permutation."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the body waits for the client to acknowledge the head: 40 ms
    server: LatencyServer

    def do_GET(self) -> None:
        """Tell what was asked so far."""
        stats = self.server.stats
        self._send(
            {
                "requests": stats.requests,
                "distinct": len(stats.distinct),
                "peak": stats.peak,
                "area": stats.area,
            }
        )

    def do_POST(self) -> None:
        """Answer one chat completion, late."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = "\n".join(message["content"] for message in body["messages"])
        self.server.stats.enter(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
        drawn = self.server.random(text)
        tokens = answer_tokens(drawn)
        time.sleep(tokens * self.server.ms_per_token / 1000)
        self.server.open.wait()
        self.server.stats.leave()
        self._send(completion(text, tokens, drawn))

    def _send(self, row: dict[str, object]) -> None:
        data = json.dumps(row).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own signature
        """Say nothing."""


def answer_tokens(drawn: random.Random) -> int:
    """Return the length of an answer, in tokens."""
    return round(min(LONGEST, max(SHORTEST, MEDIAN * math.exp(SIGMA * drawn.gauss(0, 1)))))


def completion(text: str, tokens: int, drawn: random.Random) -> dict[str, object]:
    """Return the server's answer: a permutation of the passages that the prompt numbers."""
    count = max((int(number) for number in re.findall(r"^\[([0-9]+)\] ", text, re.MULTILINE)), default=1)
    order = drawn.sample(range(1, count + 1), count)
    answer = "<think>so</think><answer>" + " > ".join(f"[{number}]" for number in order) + "</answer>"
    counts = {"prompt_tokens": len(text) // 4, "completion_tokens": tokens}
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "latency",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
        "usage": {**counts, "total_tokens": sum(counts.values())},
    }  # fmt: skip


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible server that takes its time.")
    parser.add_argument("--port", type=int, default=8300)
    parser.add_argument("--ms-per-token", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    server = LatencyServer(options.port, ms_per_token=options.ms_per_token, seed=options.seed)
    print(server.url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
