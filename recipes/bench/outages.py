"""A server of which a fifth of the requests fail in every way, and one that fails altogether."""

import hashlib
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from claims import Claims
from latency_server import completion
from reranks import Job

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.engines.faulty import answer, serving

HITS, WINDOWS_A_QUERY = 100, 9
RETRY_AFTER = 1  # seconds
EMPTY, CUT = "empty", "cut by length"
CUT_TOKENS = 7  # of output, as the server counts them; 1 of a whole answer
OUTAGES = ("429", "500", "hang", "reset", "garbage", "html")
FAULTS = (*OUTAGES, EMPTY, CUT)
GIVEN_UP = 5  # requests in a row that the engine gives up before it takes the server for down
RETRIES = 2


class Plan:
    """What the server does with each request; `sent` counts it, `tokens` those of its answers."""

    def __init__(self, share: float, faults: tuple[str, ...], *, good_first: int = 0) -> None:
        self.share = share
        self.sent: Counter[str] = Counter()
        self.tokens = 0
        self._faults = faults
        self._good_first = good_first
        self._lock = threading.Lock()
        self._drawn = random.Random(8)
        self._hung: set[str] = set()  # a request that hangs twice is given up, by design: none does here

    def __call__(self, number: int, body: dict[str, Any]) -> str | dict[str, Any]:
        """Decide about one request."""
        with self._lock:
            failing = number >= self._good_first and self._drawn.random() < self.share
            what = self._drawn.choice(self._faults) if failing else "good"
            text = "\n".join(message["content"] for message in body["messages"])
            if what == "hang" and self.share < 1:
                what = "500" if text in self._hung else "hang"
                self._hung.add(text)
            self.sent[what] += 1
            self.tokens += {"good": 1, CUT: CUT_TOKENS}.get(what, 0)
        if what == "good":
            return completion(text, 1, random.Random(hashlib.sha256(text.encode()).digest()))
        if what == EMPTY:
            return answer("")
        if what == CUT:
            usage = {"prompt_tokens": 1, "completion_tokens": CUT_TOKENS}
            return {**answer("<think>[2] is about", "length"), "usage": usage}
        return what


def fifth(claims: Claims, count: int) -> None:
    """Ask about `count` windows of a server that fails for 20 % of the requests; each fault is asked again."""
    options = ("--request-timeout", "3s", "--retries", "9", "--repair-retries", "6")
    plan, whole = Plan(0.2, FAULTS), Plan(0.0, FAULTS)
    with serving(plan) as server, serving(whole) as sound, tempfile.TemporaryDirectory() as folder:
        server.headers["Retry-After"] = str(RETRY_AFTER)
        queries = max(1, count // WINDOWS_A_QUERY)
        expected = Job(Path(folder), sound.url, queries, HITS, 32, options).uninterrupted()
        job = Job(Path(folder), server.url, queries, HITS, 32, options)
        started = time.monotonic()
        status, said = job.end()
        came = f"status {status} after {time.monotonic() - started:.0f} s"
        requests = sum(plan.sent.values())
        failing = 100 * (1 - plan.sent["good"] / requests)
        shown = ", ".join(f"{plan.sent[fault]} {fault}" for fault in FAULTS)
        claims.settle(
            f"{job.needed} windows, {requests} requests, {failing:.0f} % of them failing ({shown}): "
            "every query is reranked, as by a sound server",
            came,
            holds=status == 0 and job.run.read_bytes() == expected,
        )
        if status:
            print(said)
        else:
            _compare_counts(claims, plan, job)


def _compare_counts(claims: Claims, plan: Plan, job: Job) -> None:
    sent, windows = plan.sent, job.facts()["windows"]
    answered = sent["good"] + sent[CUT] + sent[EMPTY]
    counts = {
        "asked": answered,
        "clean": sent["good"],
        "truncated": sent[CUT],
        "empty": sent[EMPTY],
        "failed": 0,
    }
    claims.settle(
        "its counts are the server's: " + ", ".join(f"{number} {name}" for name, number in counts.items()),
        ", ".join(f"{windows[name]} {name}" for name in counts),
        holds={name: windows[name] for name in counts} == counts,
    )
    tokens = job.facts()["tokens"]["output"]
    claims.settle(f"so are the tokens: {plan.tokens} of output", f"{tokens}", holds=0 < tokens == plan.tokens)
    traced = Counter(row["finish"] for row in job.answers())
    claims.settle(
        f"and the trace's lines: {sent['good'] + sent[EMPTY]} whole, {sent[CUT]} cut",
        f"{traced['stop']} whole, {traced['length']} cut",
        holds=traced["stop"] == sent["good"] + sent[EMPTY] and traced["length"] == sent[CUT],
    )


def outages(claims: Claims, count: int) -> None:
    """Let a server fail altogether after `count` good answers, once in each way and once in all of them."""
    for faults in [*((fault,) for fault in OUTAGES), OUTAGES]:
        _outage(claims, count, faults)


def _outage(claims: Claims, count: int, faults: tuple[str, ...]) -> None:
    concurrency = 8
    options = ("--request-timeout", "1s", "--retries", str(RETRIES))
    plan = Plan(1.0, faults, good_first=count)
    with serving(plan) as server, tempfile.TemporaryDirectory() as folder:
        server.headers["Retry-After"] = str(RETRY_AFTER)
        job = Job(Path(folder), server.url, 2 * count // WINDOWS_A_QUERY + 1, HITS, concurrency, options)
        started = time.monotonic()
        status, said = job.end()
        seconds = time.monotonic() - started
        failed, kept = sum(plan.sent.values()) - count, len(job.answers())
        plan.share = 0.0
        after, _ = job.end()
        asked_then = plan.sent["good"] - count
        whole = after == 0 and job.run.read_bytes() == job.uninterrupted()
    most = (concurrency + GIVEN_UP - 1) * (RETRIES + 1)
    name = faults[0] if len(faults) == 1 else "all of these at random"
    claims.settle(
        f"{count} good answers, then every request fails ({name}): 75 after at most {most} of them",
        f"status {status} after {failed} of them, {seconds:.1f} s, {kept} answers in the trace",
        holds=status == 75 and failed <= most and kept == count and "Traceback" not in said,
    )
    claims.settle(
        f"the server is back: the {job.needed - count} others are asked, the run is whole",
        f"status {after}, {asked_then} asked",
        holds=whole and asked_then == job.needed - count,
    )
