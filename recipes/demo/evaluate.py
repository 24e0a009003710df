"""Judge a demo model: BM25, then windows reordered by the model, on the queries of one split.

    python recipes/demo/evaluate.py MODEL [--split test]

prints nDCG@10 (linear gain) of BM25, of the model after one sliding pass and of the best possible order of
the same candidates, and how many of the model's lists were complete.
"""

import argparse
import math
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from collection import Collection, Query, Split, make_collection
from model import MAX_TOKENS, STEP, WINDOW, load_tokenizer, parse, rendered

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DEPTH = 30  # candidates of a query


@dataclass(frozen=True)
class Judged:
    """A window of passages for a query, with their grades in the order presented."""

    query: str
    passages: tuple[str, ...]
    grades: tuple[int, ...]


def ndcg(grades: Sequence[int], ideal: Sequence[int] | None = None, cut: int = 10) -> float:
    """nDCG of grades in ranked order; `ideal` are all grades there are, by default just these.

    >>> ndcg([2, 1, 0]), round(ndcg([1, 2, 0]), 4)
    (1.0, 0.8597)
    """
    best = _dcg(sorted(grades if ideal is None else ideal, reverse=True)[:cut])
    return _dcg(grades[:cut]) / best if best else 0.0


def _dcg(grades: Sequence[int]) -> float:
    return sum(value / math.log2(rank + 1) for rank, value in enumerate(grades, start=1))


def candidates(collection: Collection, queries: Sequence[Query], depth: int = DEPTH) -> dict[str, list[str]]:
    """The first docids of BM25 for every qid: k1 0.9, b 0.4, Porter stems, ties by docid."""
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("porter")

    def stems_of(texts: list[str]) -> list[list[str]]:
        """The stems of every text that are not stop words."""
        stems: list[list[str]] = bm25s.tokenize(
            texts, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False
        )
        return stems

    docids = list(collection.passages)
    index = bm25s.BM25(k1=0.9, b=0.4, method="lucene")
    index.index(stems_of(list(collection.passages.values())), show_progress=False)
    ranked: dict[str, list[str]] = {}
    for query in queries:
        scores = zip(docids, index.get_scores(stems_of([query.text])[0]), strict=True)
        found = sorted((-float(score), docid) for docid, score in scores if score > 0)
        ranked[query.qid] = [docid for _, docid in found[:depth]]
    return ranked


def windows(
    collection: Collection, queries: Sequence[Query], rng: random.Random, shuffled: int, size: int = WINDOW
) -> list[Judged]:
    """Windows of the candidates with something to learn: as given, and `shuffled` random samples for each.

    A window without relevant passages, or with nDCG above 0.95 as it is, is left out.
    """
    ranked = candidates(collection, queries)
    made: list[Judged] = []
    for query in queries:
        docids = ranked[query.qid]
        grades = collection.qrels[query.qid]
        for start in range(0, len(docids) - size + 1, STEP):
            samples = [rng.sample(docids, size) for _ in range(shuffled)]
            for window in [docids[start : start + size], *samples]:
                values = tuple(grades.get(docid, 0) for docid in window)
                if any(values) and ndcg(values) <= 0.95:
                    passages = tuple(collection.passages[docid] for docid in window)
                    made.append(Judged(query.text, passages, values))
    return made


def generate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    lists: Sequence[tuple[str, Sequence[str]]],
    temperature: float = 0.0,
    batch: int = 128,
) -> Iterator[str]:
    """The completions of (query, passages) windows in order; temperature 0 is greedy."""
    import torch

    model.eval()
    for start in range(0, len(lists), batch):
        texts = [rendered(tokenizer, query, passages) for query, passages in lists[start : start + batch]]
        given = tokenizer(
            texts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False
        )
        with torch.no_grad():
            written = model.generate(
                input_ids=given["input_ids"],
                attention_mask=given["attention_mask"],
                max_new_tokens=MAX_TOKENS,
                do_sample=temperature > 0,
                temperature=temperature or None,
                top_p=None,
                top_k=0 if temperature else None,
            )
        yield from tokenizer.batch_decode(written[:, given["input_ids"].shape[1] :], skip_special_tokens=True)


def score(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    judged: Sequence[Judged],
    temperature: float = 0.0,
) -> tuple[float, float]:
    """Mean nDCG of the reordered windows, and the share of complete lists."""
    lists = [(window.query, window.passages) for window in judged]
    gained: list[float] = []
    complete = 0
    for window, text in zip(judged, generate(model, tokenizer, lists, temperature), strict=True):
        permutation, _, full = parse(text, len(window.passages))
        gained.append(ndcg([window.grades[i] for i in permutation]))
        complete += full
    return statistics.mean(gained), complete / len(judged)


def rerank(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    collection: Collection,
    queries: Sequence[Query],
    ranked: dict[str, list[str]],
) -> tuple[dict[str, list[str]], list[bool]]:
    """One sliding pass from the bottom of every list to its top; and whether each answer was complete."""
    lists = {qid: list(docids) for qid, docids in ranked.items()}
    complete: list[bool] = []
    for start in range(DEPTH - WINDOW, -1, -STEP):
        shown = [query for query in queries if start < len(lists[query.qid])]
        spans = [lists[query.qid][start : start + WINDOW] for query in shown]
        asked = [
            (query.text, [collection.passages[docid] for docid in span])
            for query, span in zip(shown, spans, strict=True)
        ]
        for query, span, text in zip(shown, spans, generate(model, tokenizer, asked), strict=True):
            permutation, _, full = parse(text, len(span))
            lists[query.qid][start : start + WINDOW] = [span[i] for i in permutation]
            complete.append(full)
    return lists, complete


def per_query(collection: Collection, queries: Sequence[Query], ranked: dict[str, list[str]]) -> list[float]:
    """nDCG@10 of every query's list."""
    return [
        ndcg([grades.get(docid, 0) for docid in ranked[query.qid]], list(grades.values()))
        for query in queries
        for grades in [collection.qrels[query.qid]]
    ]


def baselines(collection: Collection, split: Split) -> tuple[list[Query], dict[str, list[str]], list[float]]:
    """Queries, candidates and per-query nDCG@10 of BM25; prints its mean and the best order's."""
    queries = collection.split(split)
    ranked = candidates(collection, queries)
    before = per_query(collection, queries, ranked)
    best = {
        qid: sorted(docids, key=lambda docid: -collection.qrels[qid].get(docid, 0))
        for qid, docids in ranked.items()
    }
    oracle = per_query(collection, queries, best)
    judged = statistics.mean(len(collection.qrels[query.qid]) for query in queries)
    passages = len(collection.passages)
    print(f"{split}: {len(queries)} queries, {passages} passages, {judged:.1f} relevant to a query")
    print(f"BM25 {statistics.mean(before):.4f}  best order of its {DEPTH} {statistics.mean(oracle):.4f}")
    return queries, ranked, before


def report(folder: Path, collection: Collection, split: Split) -> None:
    """Print what one sliding pass of the model in `folder` does to BM25's order."""
    import torch
    from transformers import AutoModelForCausalLM

    queries, ranked, before = baselines(collection, split)
    tokenizer = load_tokenizer(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    began = time.monotonic()
    lists, complete = rerank(model, tokenizer, collection, queries, ranked)
    seconds = time.monotonic() - began
    after = per_query(collection, queries, lists)
    gains = [new - old for old, new in zip(before, after, strict=True)]
    gained, error = statistics.mean(gains), statistics.stdev(gains) / math.sqrt(len(gains))
    better, worse = sum(gain > 1e-9 for gain in gains), sum(gain < -1e-9 for gain in gains)
    print(f"model {statistics.mean(after):.4f}, gain {gained:+.4f} (standard error {error:.4f})")
    print(f"queries better {better}, worse {worse}, same {len(gains) - better - worse}")
    print(f"complete lists {statistics.mean(complete):.1%} of {len(complete)} windows, {seconds:.0f} s")


def main() -> None:
    """Print the figures of a model folder."""
    parser = argparse.ArgumentParser(description="Judge a demo model on the queries of one split.")
    parser.add_argument("model", type=Path, nargs="?", help="a model folder; without it only BM25 is judged")
    parser.add_argument("--split", choices=("train", "test"), default="test")
    options = parser.parse_args()
    if options.model:
        report(options.model, make_collection(), options.split)
    else:
        baselines(make_collection(), options.split)


if __name__ == "__main__":
    main()
