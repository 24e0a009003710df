"""A fleet whose second server is sound, slow, silent, broken or away: its time beside that of the good server alone.

    python recipes/bench/fleet.py                          # 5 rounds
    python recipes/bench/fleet.py --slots 32 --rounds 3    # servers that are never full
    python recipes/bench/fleet.py --quick                  # one short round, to see that it runs

43 queries of 9 windows (100 candidates, 20/10), 32 requests in flight, through the scheduler; servers on loopback,
each a process. A server works on `--slots` requests at once (default 16), the others wait; an answer takes
`--ms-per-token` (default 0.5) times 200 to 2000 tokens (log-normal, median 600), ten times that at the slow one.
The server that is away takes no connection for the first 30 s in 90 of what the good server takes alone.
"""

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import Process, Queue
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from latency_server import Handler, LatencyServer
from schedule import scheduled

from rearank_cli.console import configure
from rearank_cli.engines.endpoint import Endpoint, EndpointEngine
from rearank_cli.formats.trace import Answer
from rearank_cli.ranking.compose import ChatComposer
from rearank_cli.ranking.prompts import load
from rearank_cli.records import Sampling

SECONDS = ("absent", "sound", "10x slower", "silent", "500", "404", "away")
IN_FLIGHT, SLOWER, AWAY = 32, 10, 1 / 3


class FleetServer(LatencyServer):
    """A latency server with room for a number of requests, or one that is `second` in one of the ways."""

    def __init__(self, second: str, ms_per_token: float, slots: int, away: float, urls: "Queue[str]") -> None:
        self.second = second
        self.room = threading.Semaphore(slots)
        self.away = away
        self.urls = urls
        super().__init__(ms_per_token=ms_per_token * (SLOWER if second == "10x slower" else 1))
        self.RequestHandlerClass = FleetHandler

    def server_activate(self) -> None:
        """Take connections, later if away."""
        self.urls.put(self.url)
        time.sleep(self.away)
        super().server_activate()


class FleetHandler(Handler):
    """Answers when there is room, or fails."""

    server: FleetServer

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        """Answer one request."""
        if self.server.second == "silent":
            threading.Event().wait()
        if self.server.second in ("500", "404"):
            self.rfile.read(int(self.headers["Content-Length"]))
            data = json.dumps({"error": {"message": "out of order"}}).encode()
            self.send_response(int(self.server.second))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return
        with self.server.room:
            super().do_POST()


def serve(second: str, ms_per_token: float, slots: int, away: float, urls: "Queue[str]") -> None:
    """Run a server."""
    FleetServer(second, ms_per_token, slots, away, urls).serve_forever()


@contextmanager
def serving(second: str, options: argparse.Namespace, away: float = 0.0) -> Iterator[str]:
    """Run a server in a process of its own, and yield its base URL."""
    urls: Queue[str] = Queue()
    process = Process(
        target=serve, args=(second, options.ms_per_token, options.slots, away, urls), daemon=True
    )
    process.start()
    try:
        yield urls.get()
    finally:
        process.terminate()
        process.join()


def seconds(second: str, options: argparse.Namespace, away: float) -> float:
    """Return the seconds that 387 windows take."""
    answers: list[Answer] = []
    with ExitStack() as stack:
        urls = [stack.enter_context(serving("sound", options))]
        if second != "absent":
            urls.append(stack.enter_context(serving(second, options, away if second == "away" else 0.0)))
        engine = EndpointEngine(
            "m", Sampling(2000), Endpoint(base_urls=tuple(urls), concurrency=IN_FLIGHT, timeout=600.0)
        )
        started = time.monotonic()
        scheduled(engine, ChatComposer(load("rearank")), answers.append)
        taken = time.monotonic() - started
        engine.close()
    if any(answer.completion.finish != "stop" for answer in answers):
        raise SystemExit(f"{second}: a window was not answered")
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description="A good server with a second one, beside the good one alone."
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ms-per-token", type=float, default=0.5)
    parser.add_argument("--slots", type=int, default=16, help="requests that a server works on at once")
    parser.add_argument("--quick", action="store_true", help="one round at 0.03 ms a token")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.ms_per_token = 1, 0.03
    configure(quiet=True)
    taken: dict[str, list[float]] = {second: [] for second in SECONDS}
    for _ in range(options.rounds):
        for second in SECONDS:
            alone = taken["absent"][-1] if taken["absent"] else 0.0
            taken[second].append(seconds(second, options, AWAY * alone))
    print("| second server | seconds | beside the good one alone (least to most) |\n|---|---|---|")
    for second, times in taken.items():
        ratios = [time / alone for time, alone in zip(times, taken["absent"], strict=True)]
        shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {second} | {statistics.median(times):.2f} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
