"""What becomes of a rerank when everything goes wrong: each claim is one line, and the status is 1 if one fails.

python recipes/bench/faults.py kills          # 100 SIGKILLs at random moments
python recipes/bench/faults.py server         # a fifth of some 2,000 requests fails
python recipes/bench/faults.py outages        # all of them fail, in each way
python recipes/bench/faults.py completions    # 1,000,000 bad completions
python recipes/bench/faults.py stream         # 1,000,000 lines of candidates in under 500 MB
python recipes/bench/faults.py crons          # two calls at once, 20 times
python recipes/bench/faults.py disk           # a full disk, 20 times
python recipes/bench/faults.py all
python recipes/bench/faults.py kills --count 10
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bad_completions import SHORT, long
from claims import Claims
from interruptions import crons, disk, kills
from memory import many
from outages import fifth, outages

from rearank_cli.ranking.permutation import parse

LONG_EVERY = 10_000  # a completion of 10^6 characters is one of so many


def completions(claims: Claims, count: int) -> None:
    """Read `count` bad completions of windows of 1 to 30 passages."""
    drawn, outcomes, wrong, slowest = random.Random(9), Counter[str](), 0, 0.0
    started = time.monotonic()
    for number in range(count):
        n = drawn.randint(1, 30)
        kind = long if number % LONG_EVERY == 0 else drawn.choice(SHORT)
        text = kind(drawn, n)
        before = time.perf_counter()
        read = parse(text, n)
        slowest = max(slowest, time.perf_counter() - before)
        outcomes[read.outcome.value] += 1
        wrong += sorted(read.order) != list(range(n))
    shown = ", ".join(f"{outcomes[outcome]:,} {outcome}" for outcome in sorted(outcomes))
    claims.settle(
        f"{count:,} bad completions of {len(SHORT) + 1} kinds: each passage of the window once",
        f"{wrong} wrong; {shown}; {time.monotonic() - started:.0f} s, the slowest {1e3 * slowest:.0f} ms",
        holds=wrong == 0,
    )


WHOLE: dict[str, tuple[Callable[[Claims, int], None], int]] = {
    "kills": (kills, 100),
    "server": (fifth, 2_000),
    "outages": (outages, 40),
    "completions": (completions, 1_000_000),
    "stream": (many, 1_000_000),
    "crons": (crons, 20),
    "disk": (disk, 20),
}


def main() -> None:
    """Show what the command line names."""
    parser = argparse.ArgumentParser(description="A rerank when everything goes wrong.")
    parser.add_argument("what", choices=[*WHOLE, "all"])
    parser.add_argument("--count", type=int, help="kills, windows, completions, lines or times")
    options = parser.parse_args()
    claims = Claims()
    for name, (show, whole) in WHOLE.items():
        if options.what in (name, "all"):
            show(claims, options.count or whole)
    claims.end()


if __name__ == "__main__":
    main()
