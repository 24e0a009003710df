"""Runs as an evaluation sees them: lists in trec_eval's order, and what is odd about them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BufferedReader, RawIOBase
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from rearank_cli.errors import DataError
from rearank_cli.evaluation.columns import read_columns
from rearank_cli.evaluation.docids import Floats, Ints
from rearank_cli.evaluation.rankings import Ranking, Rankings, by_query
from rearank_cli.formats.detect import is_json
from rearank_cli.formats.jsonl import read_candidates
from rearank_cli.formats.scores import Scores, read_scores
from rearank_cli.formats.streams import Source
from rearank_cli.records import Candidates

if TYPE_CHECKING:
    from typing_extensions import Buffer

BLOCK = 1 << 20  # bytes that are taken apart at once


@dataclass(frozen=True, slots=True)
class Run:
    """A run: its lists, queries without documents left out.

    `disordered` are the queries whose ranks (candidates: whose order) and scores do not agree; `rule` says
    which of the two was followed. `kept` is one query with its texts, where the reader was asked to keep it.
    """

    name: str
    tag: str
    scores: Rankings
    disordered: tuple[str, ...] = ()
    rule: str = "the scores decide"
    kept: Candidates | None = None


def read_run(source: Source, keep: str = "") -> Run:
    """Read a TREC run, whose scores decide as in trec_eval, or candidates, whose order decides.

    The texts of candidates are dropped, but for those of the query `keep`.

    Raises:
        DataError: malformed or empty input.
    """
    if is_json(source):
        return _of_candidates(source.name, read_candidates(source), keep)
    blocks = source.raw_blocks(BLOCK)
    taken: list[bytes] = []
    columns = read_columns(_noted(blocks, taken))
    if columns:
        rankings = Rankings(columns.qids, columns.queries, columns.docids, columns.scores)
        if not rankings.ambiguous:
            odd = _rising(columns.queries, columns.ranks, columns.scores)
            return Run(source.name, columns.tag, rankings, tuple(columns.qids[number] for number in odd))
    again = cast(BinaryIO, BufferedReader(_Blocks(chain(taken, blocks)), BLOCK))
    scores = read_scores(Source(source.name, again))  # names the line where it is wrong
    if not scores.by_query:
        raise DataError(f"{source.name}: expected lines of a run, found comments only")
    return Run(source.name, scores.tag, Rankings.of(scores.by_query), _disordered(scores))


def _noted(blocks: Iterator[bytes], taken: list[bytes]) -> Iterator[bytes]:
    for block in blocks:
        taken.append(block)
        yield block


class _Blocks(RawIOBase):
    """A stream of the bytes of some blocks."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._left = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        self._left = self._left or memoryview(next(self._blocks, b""))
        room = memoryview(buffer)
        size = min(len(room), len(self._left))
        room[:size], self._left = self._left[:size], self._left[size:]
        return size


def _rising(queries: Ints, ranks: Floats, scores: Floats) -> list[int]:
    """Return the queries (numbers) where a score is higher than that of the rank before."""
    order = by_query(queries, ranks)
    queries, scores = queries[order], scores[order]
    up = (scores[1:] > scores[:-1]) & (queries[1:] == queries[:-1])
    found: list[int] = np.unique(queries[1:][up]).tolist()
    return found


def _of_candidates(name: str, stream: Iterable[Candidates], keep: str) -> Run:
    lists: dict[str, Ranking] = {}
    disordered, kept = [], None
    tag = ""
    for candidates in stream:
        tag = tag or candidates.tag
        if candidates.query.qid == keep:
            kept = candidates
        if not _falling([hit.score for hit in candidates.hits]):
            disordered.append(candidates.query.qid)
        if candidates.hits:
            lists[candidates.query.qid] = without_ties(hit.docid for hit in candidates.hits)
    if not lists:
        raise DataError(f"{name}: expected candidates, found no query with a document")
    return Run(name, tag, Rankings.of(lists), tuple(disordered), rule="the order decides", kept=kept)


def _disordered(scores: Scores) -> tuple[str, ...]:
    found = []
    for qid, ranking in scores.by_query.items():
        values = list(ranking.values())
        ranks = scores.odd_ranks.get(qid)
        if ranks is not None and all(rank.isdecimal() and len(rank) < 20 for rank in ranks):
            values = [score for _, score in sorted(zip(map(int, ranks), values, strict=True), key=_rank)]
        elif ranks is not None:
            continue  # a column that holds no ranks says nothing about the order
        if not _falling(values):
            found.append(qid)
    return tuple(found)


def _rank(pair: tuple[int, float]) -> int:
    return pair[0]


def _falling(scores: list[float]) -> bool:
    return scores == sorted(scores, reverse=True)


def without_ties(ranking: Iterable[str]) -> Ranking:
    """Return docids, best first, with scores n ... 1, for software that breaks ties its own way.

    >>> without_ties(["b", "a"])
    {'b': 2.0, 'a': 1.0}
    """
    docids = list(ranking)
    return {docid: float(len(docids) - rank) for rank, docid in enumerate(docids)}


def without_documents(run: Run, excluded: Mapping[str, frozenset[str]]) -> Run:
    """Return the run without documents (docids by qid) that its queries must not retrieve."""
    scores = {
        qid: {docid: score for docid, score in ranking.items() if docid not in excluded.get(qid, ())}
        for qid, ranking in run.scores.items()
    }
    return replace(run, scores=Rankings.of(scores))
