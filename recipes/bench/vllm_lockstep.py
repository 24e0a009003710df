"""What it brings never to wait for the slowest window of a round: vLLM's step loop, fed as we do or in lock-step.

    OMP_NUM_THREADS=1 python recipes/bench/vllm_lockstep.py [--queries 16] [--windows 6] [--rounds 5]

Both ways use one engine, one model of random weights, and the same windows: `queries` chains of
`windows`, each to be asked after the one before it. Lock-step asks one window of every query, waits for
all, and goes on (what rank_llm does); ours asks a query's next window as soon as its last one is done.
Answer lengths are drawn once, log-normal, 8 to 160 tokens; then all are of one length. Medians are compared.
"""

import argparse
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rearank_cli.engines.protocol import Sampling
from rearank_cli.engines.vllm import VllmEngine, VllmOptions
from rearank_cli.records import Prompt
from tests.engines.tiny import random_model

PROMPT_TOKENS = 300


def prompt(rng: random.Random, tokens: int) -> Prompt:
    """A prompt never seen before, whose answer has this many tokens: the model's words have no end."""
    ids = tuple(rng.choices(range(94), k=PROMPT_TOKENS))
    return Prompt("q", ("d",), "0", ids=ids, sampling=Sampling(tokens))


def lock_step(engine: VllmEngine, lengths: list[list[int]], rng: random.Random, keys: Iterator[int]) -> None:
    """Ask all queries' windows of one round, wait for the last of them, and go on with the next round."""
    for window in range(len(lengths[0])):
        for query in lengths:
            engine.submit(next(keys), prompt(rng, query[window]))
        left = len(lengths)
        while left:
            left -= len(engine.collect())


def continuous(engine: VllmEngine, lengths: list[list[int]], rng: random.Random, keys: Iterator[int]) -> None:
    """Ask the next window of a query when its last one is done."""
    chains = [iter(query) for query in lengths]
    asked: dict[int, Iterator[int]] = {}
    ready = list(chains)
    while ready or asked:
        for chain in ready:
            tokens = next(chain, None)
            if tokens is not None:
                asked[key := next(keys)] = chain
                engine.submit(key, prompt(rng, tokens))
        ready = [asked.pop(key) for key, _ in engine.collect()] if asked else []


def measured(
    engine: VllmEngine, lengths: list[list[int]], rounds: int, rng: random.Random, keys: Iterator[int]
) -> tuple[float, float]:
    """Return the median seconds of lock-step and of continuous, run in turn."""
    taken: dict[str, list[float]] = {"lock-step": [], "continuous": []}
    for _ in range(rounds):
        for name, way in (("lock-step", lock_step), ("continuous", continuous)):
            started = time.perf_counter()
            way(engine, lengths, rng, keys)
            taken[name].append(time.perf_counter() - started)
    return statistics.median(taken["lock-step"]), statistics.median(taken["continuous"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in {"queries": 16, "windows": 6, "rounds": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    rng, keys = random.Random(3), count()
    varied = [
        [int(min(160, max(8, rng.lognormvariate(0, 0.7) * 40))) for _ in range(asked.windows)]
        for _ in range(asked.queries)
    ]
    mean = round(statistics.mean(length for query in varied for length in query))
    print(f"{platform.processor() or platform.machine()}: {asked.queries} queries by {asked.windows} windows")
    with tempfile.TemporaryDirectory() as folder:
        model = str(random_model(Path(folder) / "m"))
        engine = VllmEngine(model, Sampling(8), VllmOptions(at_once=asked.queries, context=1024))
        for title, lengths in (("varied", varied), (f"all {mean}", [[mean] * asked.windows] * asked.queries)):
            continuous(engine, [query[:1] for query in lengths], rng, keys)  # warm up
            slow, fast = measured(engine, lengths, asked.rounds, rng, keys)
            steps = sum(max(query[window] for query in lengths) for window in range(asked.windows))
            ideal = steps / max(sum(query) for query in lengths)
            print(f"answer lengths {title}: lock-step {slow:.2f} s, continuous {fast:.2f} s, ", end="")
            print(f"ratio {slow / fast:.2f} (of the steps alone {ideal:.2f})")
        engine.close()


if __name__ == "__main__":
    main()
