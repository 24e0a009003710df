"""What batching windows of different queries brings with transformers: prompts a second, and the ratio.

    OMP_NUM_THREADS=1 python recipes/bench/batching.py [--batch 16] [--prompts 32] [--longest 900] [--tokens 48]

One query's windows follow each other, so that one query at a time is a batch of 1. A model of random
weights answers prompts of a third of --longest to --longest tokens with --tokens of its own. Both ways answer the same
prompts in turn, round after round, so that other load on the machine meets both; medians are compared.
"""

import argparse
import platform
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rearank_cli.engines.protocol import Sampling
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.engines.transformers import TransformersEngine
from rearank_cli.records import Prompt
from tests.engines.asking import answers, ids_prompt
from tests.engines.tiny import random_model


def seconds(engine: TransformersEngine, prompts: list[Prompt]) -> float:
    """Return how long the engine takes for all prompts."""
    started = time.perf_counter()
    answers(engine, prompts)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in {
        "batch": 16,
        "prompts": 32,
        "longest": 900,
        "tokens": 48,
        "rounds": 5,
    }.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    rng = random.Random(0)
    prompts = [
        ids_prompt(rng.choices(range(94), k=rng.randint(asked.longest // 3, asked.longest)))
        for _ in range(asked.prompts)
    ]
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = ChatTokenizer(str(random_model(Path(folder) / "m", hidden=512, layers=4)))
        ways = {
            size: TransformersEngine(tokenizer, Sampling(asked.tokens), batch=size)
            for size in (1, asked.batch)
        }
        for engine in ways.values():
            seconds(engine, prompts[:2])  # warm up
        taken: dict[int, list[float]] = {size: [] for size in ways}
        for _ in range(asked.rounds):
            for size, engine in ways.items():
                taken[size].append(seconds(engine, prompts))
    print(f"{platform.processor() or platform.machine()}, {asked.rounds} rounds of {asked.prompts} prompts")
    for size, runs in taken.items():
        middle = statistics.median(runs)
        spread = f"median {middle:.2f} s, {min(runs):.2f} to {max(runs):.2f}"
        print(f"batch {size:3d}: {asked.prompts / middle:6.2f} prompts/s ({spread})")
    print(f"ratio of medians: {statistics.median(taken[1]) / statistics.median(taken[asked.batch]):.2f}")


if __name__ == "__main__":
    main()
