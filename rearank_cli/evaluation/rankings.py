"""The lists of a run in trec_eval's order, held as numbers and bytes: a million lines cost little."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rearank_cli.evaluation.docids import ALL, Docids, Floats, Ints, Words
from rearank_cli.evaluation.lines import Lines, numbered, slices
from rearank_cli.records import Qrels

FIRST_BITS = 20  # of a hash: a table of so many stays near the processor
_OTHER_BITS = np.uint64(64 - FIRST_BITS)

Ranking: TypeAlias = dict[str, float]
"""docid -> score, of one query."""


class Rankings(Mapping[str, Ranking]):
    """qid -> docid -> score: queries as they first appear, documents in trec_eval's order.

    That is: score as a 32-bit float, equal ones by docid, both falling.
    """

    def __init__(self, qids: Sequence[str], sizes: Ints, docids: Docids, scores: Floats) -> None:
        """Put lines in order, in the arrays that are given.

        `qids` and `sizes`, how many lines each query has, have the shape [queries]; docids and scores that of the
        lines, [lines], those of the first query first.
        """
        self._qids, self._sizes, self._docids, self._scores = qids, sizes, docids, scores
        ends = np.cumsum(sizes)
        spans = zip((ends - sizes).tolist(), ends.tolist(), strict=True)
        self._spans: dict[str, tuple[int, int]] = dict(zip(qids, spans, strict=True))
        for queries, lines in slices(sizes):
            order = _order(numbered(sizes, queries), _single(scores[lines]), docids.at(lines))
            if order is not ALL:
                for column in (docids.starts, docids.lengths, scores):
                    column[lines] = column[lines][order]

    @classmethod
    def of(cls, lists: Mapping[str, Mapping[str, float]]) -> "Rankings":
        """Take lists as dictionaries; a query without documents is left out."""
        return cls.gathered(lists.items())

    @classmethod
    def gathered(cls, lists: Iterable[tuple[str, Mapping[str, float]]]) -> "Rankings":
        """Take pairs of a qid and its list, each qid once, one after the other; none is kept as it came."""
        lines = Lines()
        for qid, ranking in lists:
            if ranking:
                lines.add([(qid, len(ranking))], Docids.of(ranking), np.array(list(ranking.values()), float))
        columns = lines.columns()
        return cls(columns.qids, columns.sizes, columns.docids, columns.scores)

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
        scores = _single(self._scores[start : min(start + depth + 1, end)])
        return bool((scores[1:] == scores[:-1]).any())

    def outlines(self, qrels: Qrels) -> Iterator[tuple[str, Ranking]]:
        """Yield what a measure needs of the judged queries' lists: judged docids, and the others' places.

        An unjudged document of rank r is named ` r`, which is no docid; scores are -r, so that none are equal.
        """
        sizes = {self.size(qid) for qid in self if qid in qrels}
        names = [f" {rank}" for rank in range(max(sizes, default=0))]
        unjudged = {size: {name: -float(rank) for rank, name in enumerate(names[:size])} for size in sizes}
        for queries, lines in slices(self._sizes):
            judged = [qid for qid in self._qids[queries] if qid in qrels]
            for qid, found in self._judged(judged, qrels, queries, lines):
                if found is None:
                    yield qid, self[qid]
                    continue
                outline = unjudged[self.size(qid)].copy()
                for rank, docid in found:
                    outline[docid] = outline.pop(names[rank])
                yield qid, outline

    def _judged(
        self, qids: list[str], qrels: Qrels, queries: slice, lines: slice
    ) -> Iterator[tuple[str, list[tuple[int, str]] | None]]:
        """Yield qid, and rank from 0 and docid of what was retrieved and judged; None if hashes do not tell.

        `qids` are those of the slice of queries that are judged. Documents are found by hash and confirmed by their
        bytes.
        """
        if not qids:
            return
        standing = self._docids.at(lines)
        numbers = {qid: number for number, qid in enumerate(self._qids[queries], queries.start)}
        counts = [len(qrels[qid]) for qid in qids]
        texts = list(chain.from_iterable(qrels[qid] for qid in qids))
        docids = Docids.of(texts)
        wanted = docids.keys(np.repeat([numbers[qid] for qid in qids], counts))
        places = _places(standing.keys(numbered(self._sizes, queries)), wanted)
        if places is None:
            yield from ((qid, None) for qid in qids)
            return
        hits = np.flatnonzero(places >= 0)
        hits = hits[docids.at(hits).equal(standing.at(places[hits]))]
        ranks = lines.start + places - np.repeat([self._spans[qid][0] for qid in qids], counts)
        found = list(zip(ranks[hits].tolist(), [texts[hit] for hit in hits.tolist()], strict=True))
        ends = np.searchsorted(hits, np.cumsum(counts)).tolist()
        for qid, start, end in zip(qids, [0, *ends], ends, strict=False):
            yield qid, found[start:end]


def _single(scores: Floats) -> NDArray[np.float32]:
    """Return scores in 32 bits, as trec_eval has them; what these cannot hold is infinite."""
    with np.errstate(over="ignore"):
        return scores.astype(np.float32)


def _places(keys: Words, wanted: Words) -> Ints | None:
    """Return where each of some keys stands, -1 if it does not; None if one of them stands at more than one place.

    Only what shares its first bits with a wanted one is sorted.

    >>> _places(np.array([9 << 60, 3, 5], np.uint64), np.array([5, 4, 9 << 60], np.uint64)).tolist()
    [2, -1, 0]
    """
    begins = np.zeros(1 << FIRST_BITS, np.bool_)
    begins[wanted >> _OTHER_BITS] = True
    places = np.flatnonzero(begins[keys >> _OTHER_BITS])
    places = places[np.argsort(keys[places])]
    rising = np.argsort(wanted)  # looked up in this order, neighbours are found near each other
    looked_up, near = wanted[rising], keys[places]
    first, end = np.searchsorted(near, looked_up), np.searchsorted(near, looked_up, "right")
    if (end - first > 1).any():
        return None
    standing = np.full(len(wanted), -1)
    standing[rising] = np.where(end > first, np.append(places, -1)[first], -1)
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
