"""Runs as an evaluation sees them: lists in trec_eval's order, and what is odd about them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from rearank_cli.errors import DataError
from rearank_cli.evaluation.columns import read_columns
from rearank_cli.evaluation.lines import Columns, numbered, slices
from rearank_cli.evaluation.rankings import Ranking, Rankings, by_query
from rearank_cli.formats.detect import is_json
from rearank_cli.formats.jsonl import read_candidates
from rearank_cli.formats.streams import Source
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
    columns, tag = read_columns(source.name, source.raw_blocks(BLOCK))
    if not columns.qids:
        raise DataError(f"{source.name}: expected lines of a run, found comments only")
    disordered = tuple(_disordered(columns))
    lists = Rankings(columns.qids, columns.sizes, columns.docids, columns.scores)
    return Run(source.name, tag, lists, disordered)


def _disordered(columns: Columns) -> Iterator[str]:
    """Yield the queries where a score is higher than that of the rank before; a line without rank says nothing."""
    for of_queries, lines in slices(columns.sizes):
        numbers = numbered(columns.sizes, of_queries)
        ranks, scores = columns.ranks[lines], columns.scores[lines]
        order = by_query(numbers, ranks)
        queries, scores = numbers[order], scores[order]
        up = (scores[1:] > scores[:-1]) & (queries[1:] == queries[:-1])
        unranked = numbers[np.isnan(ranks)]
        found = set(queries[1:][up].tolist()) - set(unranked.tolist())
        yield from (columns.qids[number] for number in sorted(found))


def _of_candidates(name: str, stream: Iterable[Candidates], keep: str) -> Run:
    disordered: list[str] = []
    tag, kept = "", None

    def lists() -> Iterator[tuple[str, Ranking]]:
        nonlocal tag, kept
        for candidates in stream:
            qid = candidates.query.qid
            tag, kept = tag or candidates.tag, candidates if qid == keep else kept
            if not _falling([hit.score for hit in candidates.hits]):
                disordered.append(qid)
            yield qid, without_ties(hit.docid for hit in candidates.hits)

    rankings = Rankings.gathered(lists())
    if not rankings:
        raise DataError(f"{name}: expected candidates, found no query with a document")
    return Run(name, tag, rankings, tuple(disordered), rule="the order decides", kept=kept)


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
    lists = (
        (qid, {docid: score for docid, score in ranking.items() if docid not in excluded.get(qid, ())})
        for qid, ranking in run.scores.items()
    )
    return replace(run, scores=Rankings.gathered(lists))
