"""Peak memory of `rearank rerank` over streams of candidates whose windows are all answered at once.

    python recipes/bench/memory.py flat    # 20,000 queries by 100 candidates against 2,000: within 10 %
    python recipes/bench/memory.py many    # 1,000,000 queries by 5 candidates: under 500 MB

The candidates come through a pipe from a process that makes them as they are read; the answers, from a
recording that is made first and leaves each window as it is. Passages have some 350 characters, no two the
same. The peak is the largest resident set of the rerank process alone, in MB of 10^6 bytes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from claims import Claims

from rearank_cli.ranking.windows import windows

WINDOW, STEP = 20, 10
WORDS = (
    "the rate of change in a river that runs through an old valley depends on rain and on what grows there "
)


@dataclass(frozen=True)
class Peak:
    """What one rerank took: `memory` in MB, `cpu` and `wall` in seconds; `lines` of the run it wrote."""

    memory: float
    cpu: float
    wall: float
    lines: int


def docids(query: int, hits: int) -> list[str]:
    """Return the ids of a query's candidates."""
    return [f"d{query}-{hit}" for hit in range(hits)]


def candidate_lines(queries: int, hits: int) -> Iterator[str]:
    """Yield one line of candidates a query, no two passages the same."""
    body = WORDS * 4
    for query in range(queries):
        rows = ", ".join(
            f'{{"docid": "{docid}", "score": {hits - rank}, "doc": {{"text": "{docid} {body[rank % 97 : 350]}"}}}}'
            for rank, docid in enumerate(docids(query, hits))
        )
        yield f'{{"query": {{"qid": "q{query}", "text": "question {query}"}}, "candidates": [{rows}]}}\n'


def record(path: Path, queries: int, hits: int) -> None:
    """Write the answers that leave each window of each query in its order."""
    slices = windows(hits, size=WINDOW, step=STEP)
    orders = {
        stop - start: " > ".join(f"[{i}]" for i in range(1, stop - start + 1)) for start, stop in slices
    }
    with path.open("w", encoding="utf-8") as file:
        for query in range(queries):
            ids = docids(query, hits)
            for start, stop in slices:
                answer = f"<answer>{orders[stop - start]}</answer>"
                file.write(json.dumps({"qid": f"q{query}", "docids": ids[start:stop], "completion": answer}))
                file.write("\n")


def measured(queries: int, hits: int) -> Peak:
    """Rerank generated candidates and return what that took."""
    with tempfile.TemporaryDirectory() as folder:
        recording, run = Path(folder) / "answers.jsonl", Path(folder) / "run.trec"
        record(recording, queries, hits)
        make = [sys.executable, __file__, "generate", "--queries", str(queries), "--hits", str(hits)]
        asked = ["rerank", "--replay", str(recording), "--window", str(WINDOW), "--step", str(STEP)]
        started = time.monotonic()
        with run.open("wb") as output, subprocess.Popen(make, stdout=subprocess.PIPE) as maker:
            rerank = subprocess.Popen(
                [sys.executable, "-m", "rearank_cli", *asked, "--quiet"], stdin=maker.stdout, stdout=output
            )
            _, status, used = os.wait4(rerank.pid, 0)
            rerank.returncode = os.waitstatus_to_exitcode(status)
        if rerank.returncode:
            raise SystemExit(f"rerank ended with status {rerank.returncode}")
        with run.open("rb") as lines:
            count = sum(1 for _ in lines)
    return Peak(used.ru_maxrss * 1024 / 1e6, used.ru_utime + used.ru_stime, time.monotonic() - started, count)


def many(claims: Claims, queries: int, hits: int = 5, limit: float = 500.0) -> None:
    """Claim that a long stream of short lists stays under `limit` MB."""
    peak = measured(queries, hits)
    claims.settle(
        f"{queries:,} queries by {hits} candidates streamed, peak under {limit:g} MB",
        f"{peak.memory:.0f} MB, {peak.lines:,} lines, {peak.cpu:.0f} s of CPU "
        f"({1e6 * peak.cpu / queries:.0f} us a query), {peak.wall:.0f} s",
        holds=peak.memory < limit and peak.lines == queries * hits,
    )


def flat(claims: Claims, queries: int, hits: int = 100, within: float = 0.10) -> None:
    """Claim that ten times as many queries take no more memory."""
    few, all_ = measured(queries // 10, hits), measured(queries, hits)
    claims.settle(
        f"{queries:,} queries by {hits} candidates against {queries // 10:,}, peaks within {within:.0%}",
        f"{all_.memory:.0f} MB against {few.memory:.0f} MB ({all_.memory / few.memory - 1:+.1%}), "
        f"{all_.cpu:.0f} s of CPU, {all_.wall:.0f} s",
        holds=all_.memory <= few.memory * (1 + within) and all_.lines == queries * hits,
    )


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description="Peak memory over long streams.")
    parser.add_argument("what", choices=["flat", "many", "generate"])
    parser.add_argument("--queries", type=int, help="default: 20,000 for flat, 1,000,000 for many")
    parser.add_argument("--hits", type=int, help="default: 100 for flat, 5 for many")
    options = parser.parse_args()
    if options.what == "generate":
        sys.stdout.writelines(candidate_lines(options.queries, options.hits))
        return
    claims = Claims()
    if options.what == "flat":
        flat(claims, options.queries or 20_000, options.hits or 100)
    else:
        many(claims, options.queries or 1_000_000, options.hits or 5)
    claims.end()


if __name__ == "__main__":
    main()
