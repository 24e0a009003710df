"""How near the scheduler comes to the ideal, and how far lock-step stays from it.

    python recipes/bench/schedule.py                       # in simulated time, 200 seeds
    python recipes/bench/schedule.py --server --seeds 5    # against a server on this machine that takes its time
    python recipes/bench/schedule.py --server --ms-per-token 10 --at-once 8

43 queries of 9 windows (100 candidates, 20/10); answers of log-normal length (median 600 tokens, sigma 0.6,
between 200 and 2000), drawn independently or half correlated within a query. The ideal is the larger of all
work divided by the concurrency and the longest chain of one query. Lock-step asks for all queries' windows
of one position and waits for the last of them before the next position, as rank_llm 0.25 and the code
released with REARANK do.
"""

import argparse
import heapq
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import Process, Queue
from pathlib import Path

from rearank_cli.engines.protocol import Engine
from rearank_cli.formats.trace import Answer
from rearank_cli.ranking.asking import Policy, ask
from rearank_cli.ranking.compose import ChatComposer
from rearank_cli.ranking.prompts import load
from rearank_cli.ranking.scheduler import Scheduler, Walking
from rearank_cli.ranking.strategies import sliding
from rearank_cli.records import Candidates, Completion, Hit, Prompt, Query, Sampling

QUERIES, HITS, WINDOWS = 43, 100, 9
Lengths = dict[tuple[str, int], float]  # (qid, which of its windows) -> tokens


class ClockEngine:
    """Answers in simulated time: `now` moves to the end of the next answer, in tokens."""

    def __init__(self, capacity: int, lengths: Lengths) -> None:
        self.capacity = capacity
        self.now = 0.0
        self._lengths = lengths
        self._asked: dict[str, int] = {}
        self._flying: list[tuple[float, int]] = []

    def submit(self, key: int, prompt: Prompt) -> None:
        """Begin an answer."""
        window = self._asked[prompt.qid] = self._asked.get(prompt.qid, -1) + 1
        heapq.heappush(self._flying, (self.now + self._lengths[prompt.qid, window], key))

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """End the next answer."""
        if len(self._asked) < QUERIES:
            time.sleep(0.001)  # the thread that reads the input lives in real time
            if len(self._flying) < self.capacity:
                return []
        self.now, key = heapq.heappop(self._flying)
        return [(key, Completion("[1]"))]

    def close(self) -> None:
        """Nothing is held."""


def lengths(seed: int, correlated: float) -> Lengths:
    """Draw the answers' lengths; `correlated` is the share of their log-variance that belongs to the query."""
    drawn, out = random.Random(seed), {}
    for query in range(QUERIES):
        own = drawn.gauss(0, 1)
        for window in range(WINDOWS):
            noise = math.sqrt(correlated) * own + math.sqrt(1 - correlated) * drawn.gauss(0, 1)
            out[f"q{query}", window] = min(2000.0, max(200.0, 600 * math.exp(0.6 * noise)))
    return out


def ideal(chains: Lengths, concurrency: int) -> float:
    """Return the least time, in tokens, that any schedule needs."""
    of_query = [sum(chains[f"q{query}", window] for window in range(WINDOWS)) for query in range(QUERIES)]
    return max(sum(of_query) / concurrency, max(of_query))


def candidates() -> list[Candidates]:
    """Return the queries, each with its own passages."""
    return [
        Candidates(
            Query(f"q{q}", f"query {q}"),
            tuple(Hit(f"d{i}", float(-i), f"text {i} of {q}") for i in range(HITS)),
        )
        for q in range(QUERIES)
    ]


def compose(query: Query, hits: Sequence[Hit]) -> Prompt:
    """Compose nothing: a simulated engine does not read."""
    return Prompt(query.qid, tuple(hit.docid for hit in hits), "")


def scheduled(
    engine: Engine, maker: Callable[[Query, Sequence[Hit]], Prompt], on_answer: Callable[[Answer], None]
) -> None:
    """Rerank everything as `rearank rerank` does."""
    policy = Policy(Sampling(2000))
    walking = Walking(
        strategy=lambda n: sliding(n, size=20, step=10),
        compose=maker,
        ask=lambda prompt: ask(prompt, policy),
        on_answer=on_answer,
        lookahead=QUERIES,
    )
    for _ in Scheduler(engine, walking).rerank(candidates()):
        pass


def lockstep(engine: Engine, prompts: Iterable[Sequence[Prompt]]) -> None:
    """Ask position by position, each only when all answers of the one before are there."""
    for position in prompts:
        waiting = list(enumerate(position))
        flying = 0
        while waiting or flying:
            while waiting and flying < engine.capacity:
                key, prompt = waiting.pop(0)
                engine.submit(key, prompt)
                flying += 1
            flying -= len(engine.collect(1.0))


def simulate(seeds: int, concurrencies: Sequence[int]) -> None:
    """Print means over seeds in simulated time."""
    by_position = [[Prompt(f"q{q}", ("a", "b"), "") for q in range(QUERIES)] for _ in range(WINDOWS)]
    for correlated in (0.0, 0.5):
        for concurrency in concurrencies:
            over, gain = [], []
            for seed in range(seeds):
                drawn = lengths(seed, correlated)
                ours, steps = ClockEngine(concurrency, drawn), ClockEngine(concurrency, drawn)
                scheduled(ours, compose, lambda _answer: None)
                lockstep(steps, by_position)
                over.append(ours.now / ideal(drawn, concurrency) - 1)
                gain.append(steps.now / ours.now)
            report(f"simulated, correlated {correlated:g}", concurrency, over, gain)


def report(name: str, concurrency: int, over: Sequence[float], gain: Sequence[float]) -> None:
    """Print one line."""
    print(
        f"{name}, concurrency {concurrency}: {100 * statistics.mean(over):.1f} % over the ideal, "
        f"{statistics.mean(gain):.2f} times as fast as lock-step ({len(over)} seeds)",
        flush=True,
    )


def serve(seed: int, ms_per_token: float, urls: "Queue[str]") -> None:
    """Run the latency server in a process of its own."""
    sys.path.insert(0, str(Path(__file__).parent))
    from latency_server import LatencyServer

    server = LatencyServer(0, ms_per_token=ms_per_token, seed=seed)
    urls.put(server.url)
    server.serve_forever()


def against_server(seeds: int, ms_per_token: float, concurrencies: Sequence[int], at_once: int) -> None:
    """Print means over seeds against a real server, `at_once` seeds side by side, each with its own."""
    for concurrency in concurrencies:
        one = partial(of_seed, ms_per_token, concurrency)
        with ProcessPoolExecutor(at_once) as pool:
            over, gain = zip(*pool.map(one, range(seeds)), strict=True)
        report(f"server, {ms_per_token:g} ms a token", concurrency, over, gain)


def of_seed(ms_per_token: float, concurrency: int, seed: int) -> tuple[float, float]:
    """Return the share of time over the ideal, and lock-step's time as a multiple of ours."""
    from rearank_cli.engines.endpoint import Endpoint, EndpointEngine

    urls: Queue[str] = Queue()
    process = Process(target=serve, args=(seed, ms_per_token, urls), daemon=True)
    process.start()
    endpoint = Endpoint(base_urls=(urls.get(),), concurrency=concurrency)
    answers: list[Answer] = []
    engine = EndpointEngine("latency", Sampling(2000), endpoint)
    started = time.monotonic()
    scheduled(engine, ChatComposer(load("rearank")), answers.append)
    ours = time.monotonic() - started
    started = time.monotonic()
    lockstep(engine, positions(answers))
    steps = time.monotonic() - started
    engine.close()
    process.terminate()
    least = ideal(measured_lengths(answers), concurrency) * ms_per_token / 1000
    return ours / least - 1, steps / ours


def positions(answers: list[Answer]) -> list[list[Prompt]]:
    """Return the same prompts, position by position."""
    by_query: dict[str, list[Prompt]] = {}
    for answer in answers:
        by_query.setdefault(answer.prompt.qid, []).append(answer.prompt)
    return [list(position) for position in zip(*by_query.values(), strict=True)]


def measured_lengths(answers: list[Answer]) -> Lengths:
    """Return the tokens that the server said it wrote."""
    out: Lengths = {}
    for answer in answers:
        window = sum(1 for qid, _ in out if qid == answer.prompt.qid)
        out[answer.prompt.qid, window] = answer.completion.output_tokens
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Scheduler against lock-step and the ideal.")
    parser.add_argument("--server", action="store_true", help="real time, against a server")
    parser.add_argument("--seeds", type=int, help="default: 200 simulated, 20 against the server")
    parser.add_argument("--ms-per-token", type=float, default=1.0)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--at-once", type=int, default=1, help="seeds side by side; nearly all is waiting")
    options = parser.parse_args()
    if options.server:
        against_server(options.seeds or 20, options.ms_per_token, options.concurrency, options.at_once)
    else:
        simulate(options.seeds or 200, options.concurrency)


if __name__ == "__main__":
    main()
