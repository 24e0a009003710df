"""The lists of a run in trec_eval's order, held as numbers and bytes: a million lines cost little."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rearank_cli.evaluation.docids import ALL, Docids, Floats, Ints, Words
from rearank_cli.records import Qrels

FIRST_BITS = 22  # of a hash: a table of so many stays near the processor
_OTHER_BITS = np.uint64(64 - FIRST_BITS)

Ranking: TypeAlias = dict[str, float]
"""docid -> score, of one query."""


class Rankings(Mapping[str, Ranking]):
    """qid -> docid -> score: queries as they first appear, documents in trec_eval's order.

    That is: score as a 32-bit float, equal ones by docid, both falling.
    """

    def __init__(self, qids: Sequence[str], queries: Ints, docids: Docids, scores: Floats) -> None:
        """Put lines in order: `queries` (each line's place in `qids`), docids and scores have the shape [lines]."""
        with np.errstate(over="ignore"):  # what 32 bits cannot hold is infinite, as in trec_eval
            single = scores.astype(np.float32)
        order = _order(queries, single, docids)
        self._docids, self._scores, self._single = docids.at(order), scores[order], single[order]
        sizes = np.bincount(queries, minlength=len(qids))
        self._queries = np.repeat(np.arange(len(qids)), sizes)
        ends = np.cumsum(sizes)
        spans = zip((ends - sizes).tolist(), ends.tolist(), strict=True)
        self._spans: dict[str, tuple[int, int]] = dict(zip(qids, spans, strict=True))

    @classmethod
    def of(cls, lists: Mapping[str, Mapping[str, float]]) -> "Rankings":
        """Take lists as dictionaries; a query without documents is left out."""
        kept = {qid: ranking for qid, ranking in lists.items() if ranking}
        scores = [score for ranking in kept.values() for score in ranking.values()]
        queries = np.repeat(np.arange(len(kept)), np.array([len(ranking) for ranking in kept.values()], int))
        return cls(
            list(kept), queries, Docids.of(chain.from_iterable(kept.values())), np.array(scores, float)
        )

    def __getitem__(self, qid: str) -> Ranking:
        """Return docid -> score, best first."""
        start, end = self._spans[qid]
        return dict(zip(self._docids.texts(start, end), self._scores[start:end].tolist(), strict=True))

    def __contains__(self, qid: object) -> bool:
        """Return whether the run answers the query."""
        return qid in self._spans

    def __iter__(self) -> Iterator[str]:
        """Yield the qids."""
        return iter(self._spans)

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self._spans)

    def size(self, qid: str) -> int:
        """Return the number of documents of a query."""
        start, end = self._spans[qid]
        return end - start

    def top(self, qid: str, depth: int) -> list[str]:
        """Return the first `depth` docids, or as many as there are."""
        start, end = self._spans[qid]
        return self._docids.texts(start, min(start + depth, end))

    def tied(self, qid: str, depth: int) -> bool:
        """Return whether one of the first `depth` documents has the score (in 32 bits) of the next."""
        start, end = self._spans[qid]
        scores = self._single[start : min(start + depth + 1, end)]
        return bool((scores[1:] == scores[:-1]).any())

    @cached_property
    def ambiguous(self) -> bool:
        """Whether two lines have one key: a document stands twice for its query, or two hashes collide."""
        keys = np.sort(self._keys)
        return bool((keys[1:] == keys[:-1]).any())

    def outlines(self, qrels: Qrels) -> Iterator[tuple[str, Ranking]]:
        """Yield what a measure needs of the judged queries' lists: judged docids, and the others' places.

        An unjudged document of rank r is named ` r`, which is no docid; scores are -r, so that none are equal.
        """
        answered = [qid for qid in qrels if qid in self]
        if self.ambiguous:
            yield from ((qid, self[qid]) for qid in answered)
            return
        sizes = {self.size(qid) for qid in answered}
        names = [f" {rank}" for rank in range(max(sizes, default=0))]
        unjudged = {size: {name: -float(rank) for rank, name in enumerate(names[:size])} for size in sizes}
        for qid, judged in self._judged(answered, qrels):
            outline = unjudged[self.size(qid)].copy()
            for rank, docid in judged:
                outline[docid] = outline.pop(names[rank])
            yield qid, outline

    def _judged(self, qids: list[str], qrels: Qrels) -> Iterator[tuple[str, list[tuple[int, str]]]]:
        """Yield qid, and rank from 0 and docid of what was retrieved and judged.

        They are found by hash and confirmed by their bytes.
        """
        numbers = {qid: number for number, qid in enumerate(self._spans)}
        counts = [len(qrels[qid]) for qid in qids]
        texts = list(chain.from_iterable(qrels[qid] for qid in qids))
        docids = Docids.of(texts)
        lines = _places(self._keys, docids.keys(np.repeat([numbers[qid] for qid in qids], counts)))
        hits = np.flatnonzero(lines >= 0)
        hits = hits[docids.at(hits).equal(self._docids.at(lines[hits]))]
        ranks = lines - np.repeat([self._spans[qid][0] for qid in qids], counts)
        found = list(zip(ranks[hits].tolist(), [texts[hit] for hit in hits.tolist()], strict=True))
        ends = np.searchsorted(hits, np.cumsum(counts)).tolist()
        for qid, start, end in zip(qids, [0, *ends], ends, strict=False):
            yield qid, found[start:end]

    @cached_property
    def _keys(self) -> Words:
        """The hashes of the lines by query and docid."""
        return self._docids.keys(self._queries)


def _places(keys: Words, wanted: Words) -> Ints:
    """Return where each of some keys stands among keys that are all different; -1 where it does not.

    Only what shares its first bits with a wanted one is sorted.

    >>> _places(np.array([9 << 60, 3, 5], np.uint64), np.array([5, 4, 9 << 60], np.uint64)).tolist()
    [2, -1, 0]
    """
    begins = np.zeros(1 << FIRST_BITS, np.bool_)
    begins[wanted >> _OTHER_BITS] = True
    places = np.flatnonzero(begins[keys >> _OTHER_BITS])
    places = places[np.argsort(keys[places])]
    rising = np.argsort(wanted)  # looked up in this order, neighbours are found near each other
    at = np.searchsorted(keys[places], wanted[rising])
    places, found = np.append(places, -1), np.append(keys[places], np.uint64(0))
    standing = np.full(len(wanted), -1)
    standing[rising] = np.where(found[at] == wanted[rising], places[at], -1)
    return standing


def by_query(queries: Ints, values: NDArray[np.floating]) -> Ints | slice:
    """Return the lines by query and value, both rising, equal ones as they stand; `ALL` if they stand so, as most do.

    >>> by_query(np.array([1, 0, 0]), np.array([0.0, 3.0, 2.0])).tolist()
    [2, 1, 0]
    """
    next_query, same = queries[1:] > queries[:-1], queries[1:] == queries[:-1]
    if (next_query | (same & (values[1:] >= values[:-1]))).all():
        return ALL
    order: Ints = np.lexsort((values, queries))
    return order


def _order(queries: Ints, single: NDArray[np.float32], docids: Docids) -> Ints | slice:
    """Return the lines by query, score and docid."""
    order = by_query(queries, -single)
    queries, single = queries[order], single[order]
    tied = (single[1:] == single[:-1]) & (queries[1:] == queries[:-1])
    if not tied.any():
        return order
    inside = np.flatnonzero(np.append(tied, False) | np.insert(tied, 0, False))
    groups = np.cumsum(np.insert(~tied, 0, True))[inside]
    lines = np.arange(len(queries))[order]
    lines[inside] = lines[inside][docids.at(lines[inside]).falling(groups)]
    return lines
