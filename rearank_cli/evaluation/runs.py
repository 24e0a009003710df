"""Runs as an evaluation sees them: lists in trec_eval's order, and what is odd about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import chain

import numpy as np

from rearank_cli.errors import DataError
from rearank_cli.evaluation.columns import Columns, read_columns, read_lines
from rearank_cli.evaluation.docids import SPARE
from rearank_cli.evaluation.rankings import Ranking, Rankings, by_query
from rearank_cli.formats.detect import is_json
from rearank_cli.formats.jsonl import read_candidates
from rearank_cli.formats.streams import Source, decoded
from rearank_cli.records import Candidates

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
    blocks, taken = source.raw_blocks(BLOCK), bytearray()
    columns = read_columns(blocks, taken)
    rankings = _rankings(columns) if columns else None
    if columns is None or rankings is None or rankings.ambiguous:
        again = map(BytesIO, chain([bytes(taken.removesuffix(SPARE))], blocks))
        lines = decoded(source.name, chain.from_iterable(again))
        columns = read_lines(source.name, lines)  # names the line where it is wrong
        rankings = _rankings(columns)
    if not columns.qids:
        raise DataError(f"{source.name}: expected lines of a run, found comments only")
    return Run(source.name, columns.tag, rankings, _disordered(columns))


def _rankings(columns: Columns) -> Rankings:
    return Rankings(columns.qids, columns.queries, columns.docids, columns.scores)


def _disordered(columns: Columns) -> tuple[str, ...]:
    """Return the queries where a score is higher than that of the rank before; a line without rank says nothing."""
    order = by_query(columns.queries, columns.ranks)
    queries, scores = columns.queries[order], columns.scores[order]
    up = (scores[1:] > scores[:-1]) & (queries[1:] == queries[:-1])
    unranked = columns.queries[np.isnan(columns.ranks)]
    found = set(queries[1:][up].tolist()) - set(unranked.tolist())
    return tuple(columns.qids[number] for number in sorted(found))


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
