"""What a window costs beside the model: CPU of prompt, scheduling, parsing and trace.

    python recipes/bench/own_cost.py CANDIDATES.json TOKENIZER_FOLDER [--runs 5]

The engine answers at once. Beside it, in the same run: the CPU of rendering and tokenising the same
windows' whole chats, which is what a program does that keeps nothing; and of the parser, for these answers and for
bare orders. Medians over the runs. With PYTHONPATH it measures another checkout.
"""

import argparse
import random
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from rearank_cli.engines.opening import EngineName, Opened
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.formats.detect import read_rankings
from rearank_cli.formats.streams import open_source
from rearank_cli.ranking.permutation import parse
from rearank_cli.ranking.profiles import profile
from rearank_cli.ranking.prompts import passage_text, render
from rearank_cli.ranking.reranking import Plan, Reranking
from rearank_cli.ranking.stopping import Stop
from rearank_cli.records import Candidates, Completion, Prompt, Sampling


class InstantEngine:
    """Answers at once with a random permutation after some 600 tokens' worth of thought."""

    capacity = 64

    def __init__(self) -> None:
        drawn = random.Random(0)
        thought = "<think>" + " ".join(f"[{i}] is fairly relevant to the query." for i in range(1, 21)) * 3
        orders = [" > ".join(f"[{i}]" for i in drawn.sample(range(1, 21), 20)) for _ in range(64)]
        self.bare = orders
        self.texts = [f"{thought}</think><answer>{order}</answer>" for order in orders]
        self._answers = [Completion(text) for text in self.texts]
        self._done: list[tuple[int, Completion]] = []

    def submit(self, key: int, prompt: Prompt) -> None:
        """Answer."""
        self._done.append((key, self._answers[key % 64]))

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """Return the answers."""
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """Nothing is held."""


def ours(stream: list[Candidates], tokenizer: ChatTokenizer) -> tuple[float, float]:
    """Return CPU milliseconds a window: the first time that passages are seen, and after that."""
    plan_profile = profile("le723z/Rearank-7B", prompt="rearank")
    again = [replace(c, query=replace(c.query, qid=f"{c.query.qid}-{k}")) for k in range(5) for c in stream]
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            profile=plan_profile,
            sampling=Sampling(2048),
            trace=str(Path(folder) / "trace.jsonl"),
            lookahead=43,
        )
        opened = Opened(EngineName.TRANSFORMERS, InstantEngine(), tokenizer, context=32768)
        reranking = Reranking(opened, plan, Stop())
        started = time.thread_time()
        cold = warm = 0.0
        for number, _ in enumerate(reranking.run([*stream, *again]), 1):
            if number == len(stream):
                cold = time.thread_time() - started
        warm = time.thread_time() - started - cold
    windows = reranking.health.windows / 6
    return 1e3 * cold / windows, 1e3 * warm / (5 * windows)


def whole(stream: list[Candidates], tokenizer: ChatTokenizer) -> float:
    """Return CPU milliseconds a window of rendering and tokenising the whole chat."""
    template = profile("le723z/Rearank-7B", prompt="rearank").template
    started, windows = time.thread_time(), 0
    for candidates in stream:
        for start in range(80, -1, -10):
            hits = candidates.hits[start : start + 20]
            passages = [passage_text(template, hit) for hit in hits]
            tokenizer.encode([tokenizer.render(render(template, candidates.query.text, passages))])
            windows += 1
    return 1e3 * (time.thread_time() - started) / windows


def parsing(texts: list[str]) -> float:
    """Return CPU milliseconds of the parser an answer."""
    started = time.thread_time()
    for _ in range(50):
        for text in texts:
            parse(text, 20)
    return 1e3 * (time.thread_time() - started) / (50 * len(texts))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU of a window beside the model.")
    parser.add_argument("candidates", help="candidates with texts, 100 a query")
    parser.add_argument("tokenizer", help="tokenizer folder")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with open_source(options.candidates) as source:
        stream = list(read_rankings(source))
    tokenizer = ChatTokenizer(options.tokenizer)
    answers = InstantEngine()
    rows = [
        (*ours(stream, tokenizer), whole(stream, tokenizer), parsing(answers.texts), parsing(answers.bare))
        for _ in range(options.runs)
    ]
    cold, warm, at_once, parsed, bare = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"whole chat, rendered and tokenised:  {at_once:.3f} ms a window")
    print(f"ours, passages seen the first time:  {cold:.3f} ms a window ({cold / at_once:.2f} of the whole)")
    print(
        f"ours, passages seen before:          {warm:.3f} ms a window (1/{at_once / warm:.0f} of the whole)"
    )
    print(f"the parser, within that:             {parsed:.4f} ms an answer, {bare:.4f} ms a bare order")


if __name__ == "__main__":
    main()
