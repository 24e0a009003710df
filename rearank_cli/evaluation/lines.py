"""The lines of a run, gathered in a few bytes each: a list of 7 million documents is an array or two, not objects."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rearank_cli.evaluation.docids import ALL, SPARE, Docids, Floats, Ints

AT_ONCE = 1 << 17
"""Lines that are sorted, hashed and looked up together: their arrays stay near the processor."""
NO_RANKS, NO_NUMBERS = np.empty(0), np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Columns:
    """Lines grouped by query: those of the first query come first, and within a query they stand as in the file.

    `sizes` are the lines of each query, of shape [queries]; docids, ranks and scores have the shape [lines]. A rank
    is NaN where its column holds none. `order` is where the lines stood before they were grouped, `ALL` where they
    stood so, and `jumps` are pairs of such a place (from 0) and its line number: from there on both count up.
    """

    qids: list[str]
    sizes: Ints
    docids: Docids
    ranks: Floats
    scores: Floats
    order: Ints | slice
    jumps: Sequence[tuple[int, int]]

    def places(self, lines: Ints) -> Ints:
        """Return where lines stood before they were grouped, from 0."""
        return lines if isinstance(self.order, slice) else self.order[lines]

    def number(self, place: int) -> int:
        """Return the line number, from 1, of the line that stood at this place."""
        first, number = self.jumps[bisect_right(self.jumps, place, key=lambda jump: jump[0]) - 1]
        return number + place - first


class Lines:
    """Lines as they come, to be made `Columns` when all are there."""

    def __init__(self) -> None:
        self._qids: dict[str, int] = {}
        self._pieces = array("q"), array("q")  # which query, on how many lines that follow one another
        self._text = bytearray()
        self._lengths, self._ranks, self._scores = array("q"), array("d"), array("d")
        self._jumps: list[tuple[int, int]] = []
        self._number = -1  # of the last line

    def add(
        self,
        pieces: Iterable[tuple[str, int]],
        docids: Docids,
        scores: Floats,
        ranks: Floats = NO_RANKS,
        numbers: Ints = NO_NUMBERS,
    ) -> None:
        """Add lines: pairs of a query and on how many lines it stands; the columns, and line numbers, of shape [lines].

        Ranks and line numbers are given for all lines or for none.
        """
        for qid, count in pieces:
            self._pieces[0].append(self._qids.setdefault(qid, len(self._qids)))
            self._pieces[1].append(count)
        for line in np.flatnonzero(np.diff(numbers, prepend=self._number) != 1).tolist():
            self._jumps.append((len(self._scores) + line, int(numbers[line])))
        self._number = int(numbers[-1]) if len(numbers) else self._number
        self._text += docids.packed()
        self._lengths.frombytes(docids.lengths.tobytes())
        self._scores.frombytes(scores.tobytes())
        self._ranks.frombytes(ranks.tobytes())

    def columns(self) -> Columns:
        """Return what was added. Nothing can be added any more."""
        which, counts = (np.frombuffer(piece, np.int64) for piece in self._pieces)
        sizes = np.zeros(len(self._qids), np.int64)
        np.add.at(sizes, which, counts)
        self._text += SPARE
        lengths = np.frombuffer(self._lengths, np.int64)
        ranks, scores = np.frombuffer(self._ranks), np.frombuffer(self._scores)
        starts = np.cumsum(lengths) - lengths
        order: Ints | slice = ALL
        if (which[1:] < which[:-1]).any():  # a query comes back after another one
            order = np.argsort(np.repeat(which, counts), kind="stable")
            for column in (starts, lengths, ranks, scores):
                column[:] = column[order]
        docids = Docids(self._text, starts, lengths)
        return Columns(list(self._qids), sizes, docids, ranks, scores, order, self._jumps)


def slices(sizes: Ints) -> Iterator[tuple[slice, slice]]:
    """Yield slices of whole queries, of at most `AT_ONCE` lines or one query: the queries', and that of their lines.

    >>> list(slices(np.array([2, AT_ONCE, 3])))
    [(slice(0, 1, None), slice(0, 2, None)), (slice(1, 2, None), slice(2, 131074, None)), \
(slice(2, 3, None), slice(131074, 131077, None))]
    """
    ends = np.cumsum(sizes)
    first, start = 0, 0
    while first < len(sizes):
        last = max(first + 1, int(np.searchsorted(ends, start + AT_ONCE, "right")))
        end = int(ends[last - 1])
        yield slice(first, last), slice(start, end)
        first, start = last, end


def numbered(sizes: Ints, queries: slice) -> Ints:
    """Return the number of its query, from 0, for each line of some queries.

    >>> numbered(np.array([5, 1, 2]), slice(1, 3)).tolist()
    [1, 2, 2]
    """
    return np.repeat(np.arange(queries.start, queries.stop), sizes[queries])


def repeated(queries: Ints, docids: Docids) -> Ints:
    """Return the lines, rising, whose document stands on a line before for the same query.

    >>> repeated(np.array([0, 0, 1, 1]), Docids.of(["a", "b", "a", "a"])).tolist()
    [3]
    """
    keys = docids.keys(queries)
    rising = np.sort(keys)
    twice = rising[1:][rising[1:] == rising[:-1]]
    suspects = np.flatnonzero(np.isin(keys, twice)) if len(twice) else NO_NUMBERS
    pairs = zip(queries[suspects].tolist(), docids.at(suspects).texts(), strict=True)
    seen: set[tuple[int, str]] = set()
    found = []
    for line, pair in zip(suspects.tolist(), pairs, strict=True):
        if pair in seen:
            found.append(line)
        seen.add(pair)
    return np.array(found, np.int64)
