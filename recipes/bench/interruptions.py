"""Kills, two calls at once, a full disk: against a server that takes its time, with counts of what it was asked."""

import hashlib
import json
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from claims import Claims
from latency_server import LatencyServer, Stats
from reranks import Job

from rearank_cli.formats.detect import read_rankings
from rearank_cli.formats.streams import open_source
from rearank_cli.ranking.compose import ChatComposer
from rearank_cli.ranking.prompts import load

QUERIES, HITS, CONCURRENCY = 20, 50, 8
KILLS_A_ROUND = 10


@dataclass
class Listening(Stats):
    """Remembers every request, in order."""

    keys: list[str] = field(default_factory=list)

    def enter(self, key: str) -> None:
        """Count a request that begins."""
        self.keys.append(key)
        super().enter(key)


class Keys:
    """The server's key of a line of the trace: the hash of what is asked."""

    def __init__(self, job: Job) -> None:
        with open_source(str(job.folder / "candidates.jsonl")) as source:
            self._all = {candidates.query.qid: candidates for candidates in read_rankings(source)}
        self._compose = ChatComposer(load("rearank"))

    def traced(self, job: Job) -> list[str]:
        """Return the keys of all answers in the trace."""
        keys = []
        for row in job.answers():
            candidates = self._all[row["qid"]]
            hits = {hit.docid: hit for hit in candidates.hits}
            prompt = self._compose(candidates.query, [hits[docid] for docid in row["docids"]])
            text = "\n".join(message.content for message in prompt.messages)
            keys.append(hashlib.sha256(text.encode()).hexdigest())
        return keys


@contextmanager
def slow_job() -> Iterator[tuple[Job, LatencyServer]]:
    """Make a job of 80 windows for a server that takes some 60 ms an answer."""
    server = LatencyServer(ms_per_token=0.1)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        yield Job(Path(folder), server.url, QUERIES, HITS, CONCURRENCY), server
    server.open.set()
    server.shutdown()
    server.server_close()


def kills(claims: Claims, count: int) -> None:
    """Kill at `count` random moments, ten a round, each round followed by a last start."""
    drawn = random.Random(4)
    rounds = max(1, count // KILLS_A_ROUND)
    same = replayed = again = asked = doubled = early = 0
    with slow_job() as (job, server):
        whole, keys = job.uninterrupted(), Keys(job)
        for done in range(rounds):
            job.begin_anew()
            server.stats = stats = Listening()
            for _ in range(count // rounds + (done < count % rounds)):
                again += _one_life(job, stats, keys, drawn)
                early += job.run.exists()
            before, known = len(stats.keys), set(keys.traced(job))
            status, _ = job.end()
            again += sum(key in known for key in stats.keys[before:])
            same += status == 0 and job.run.read_bytes() == whole
            replayed += job.replayed() == whole
            asked += len(stats.keys)
            traced = keys.traced(job)
            doubled += len(traced) - len(set(traced)) + abs(len(set(traced)) - job.needed)
    needed, bound = rounds * job.needed, rounds * job.needed + count * CONCURRENCY
    what = f"{count} SIGKILLs at random moments, {rounds} last starts"
    claims.settle(f"{what}: the run of an uninterrupted call", f"{same} of {rounds}", holds=same == rounds)
    claims.settle(
        f"{what}: the same from the trace alone", f"{replayed} of {rounds}", holds=replayed == rounds
    )
    claims.settle(f"{what}: traced windows asked again", str(again), holds=again == 0)
    claims.settle(f"{what}: windows twice or missing in a trace", str(doubled), holds=doubled == 0)
    claims.settle(f"{what}: runs visible before their end", str(early), holds=early == 0)
    claims.settle(
        f"{what}: windows asked, at most {needed} needed + {CONCURRENCY} in flight a kill",
        f"{asked}, {asked - needed} of them lost in flight",
        holds=needed <= asked <= bound,
    )


def _one_life(job: Job, stats: Listening, keys: Keys, drawn: random.Random) -> int:
    """Start, kill at a random moment, and return how many windows were asked that the trace held before."""
    known, before = set(keys.traced(job)), len(stats.keys)
    goal = len(known) + drawn.randint(0, 12)
    process = job.start()
    if len(known) < goal < job.needed - CONCURRENCY:
        deadline = time.monotonic() + 120
        while process.poll() is None and len(job.answers()) < goal and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(drawn.uniform(0, 0.1))
    else:
        time.sleep(drawn.uniform(0, 1))  # while it starts, or soon after
    process.kill()
    process.communicate()
    time.sleep(0.2)  # for requests that are still on their way to the server
    return sum(key in known for key in stats.keys[before:])


def crons(claims: Claims, count: int) -> None:
    """Start two calls at once, `count` times."""
    good = same = 0
    with slow_job() as (job, server):
        whole = job.uninterrupted()
        for _ in range(count):
            job.begin_anew()
            server.open.clear()
            pair = [job.start(), job.start()]
            deadline = time.monotonic() + 120
            while all(process.poll() is None for process in pair) and time.monotonic() < deadline:
                time.sleep(0.02)
            server.open.set()
            said = [process.communicate(timeout=300)[1].decode() for process in pair]
            ends = sorted((process.returncode, words) for process, words in zip(pair, said, strict=True))
            named = any(f"process {process.pid} is working on this trace" in ends[1][1] for process in pair)
            good += [status for status, _ in ends] == [0, 75] and named
            same += job.run.read_bytes() == whole
    what = f"two calls at once on one trace, {count} times"
    claims.settle(f"{what}: one works, the other ends with 75 and names it", f"{good}", holds=good == count)
    claims.settle(f"{what}: the run of an uninterrupted call", f"{same}", holds=same == count)


def disk(claims: Claims, count: int) -> None:
    """Let the disk be full at `count` random sizes of a file, then free it."""
    drawn = random.Random(6)
    refused = intact = same = 0
    with slow_job() as (job, server):
        whole = job.uninterrupted()
        job.end()
        most = job.trace.stat().st_size
        for _ in range(count):
            job.begin_anew()
            status, said = job.end(most_bytes=drawn.randint(0, most - 1))
            refused += status == 74 and "Traceback" not in said and not job.run.exists()
            server.stats = stats = Listening()
            known = len(job.answers())
            status, _ = job.end()
            intact += status == 0 and len(stats.keys) == job.needed - known
            same += job.run.read_bytes() == whole
            lines = job.trace.read_bytes().splitlines()
            assert all(json.loads(line) for line in lines)
        with Path("/dev/full").open("wb") as full:
            status = subprocess.run(job.command("--quiet"), stdout=full, check=False, timeout=300).returncode
    what = f"the disk full at {count} random sizes below the trace's {most:,} bytes"
    claims.settle(f"{what}: 74, no traceback, no run", f"{refused} of {count}", holds=refused == count)
    claims.settle(
        f"{what}: only what the trace lacks is asked then", f"{intact} of {count}", holds=intact == count
    )
    claims.settle(f"{what}: then the run of an uninterrupted call", f"{same} of {count}", holds=same == count)
    claims.settle("stdout on a full disk", f"status {status}", holds=status == 74)
