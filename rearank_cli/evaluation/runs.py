"""Runs as an evaluation sees them: scores by docid, in trec_eval's order."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from rearank_cli.errors import DataError
from rearank_cli.formats.detect import is_json
from rearank_cli.formats.jsonl import read_candidates
from rearank_cli.formats.scores import Scores, read_scores
from rearank_cli.formats.streams import Source
from rearank_cli.records import Candidates

Ranking: TypeAlias = dict[str, float]
"""docid -> score, of one query."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run: qid -> docid -> score, queries without documents left out.

    `disordered` are the queries whose ranks (candidates: whose order) and scores do not agree; `rule` says
    which of the two was followed.
    """

    name: str
    tag: str
    scores: dict[str, Ranking]
    disordered: tuple[str, ...] = ()
    rule: str = "the scores decide"


def read_run(source: Source) -> Run:
    """Read a TREC run, whose scores decide as in trec_eval, or candidates, whose order decides.

    Raises:
        DataError: malformed or empty input.
    """
    if is_json(source):
        return _of_candidates(source.name, read_candidates(source))
    scores = read_scores(source)
    return Run(source.name, scores.tag, scores.by_query, _disordered(scores))


def _of_candidates(name: str, stream: Iterable[Candidates]) -> Run:
    rankings: dict[str, Ranking] = {}
    disordered = []
    tag = ""
    for candidates in stream:
        tag = tag or candidates.tag
        total, scores = len(candidates.hits), [hit.score for hit in candidates.hits]
        if not _falling(scores):
            disordered.append(candidates.query.qid)
        if total:
            rankings[candidates.query.qid] = {
                hit.docid: float(total - rank) for rank, hit in enumerate(candidates.hits)
            }
    if not rankings:
        raise DataError(f"{name}: expected candidates, found no query with a document")
    return Run(name, tag, rankings, tuple(disordered), rule="the order decides")


def _disordered(scores: Scores) -> tuple[str, ...]:
    found = []
    for qid, ranking in scores.by_query.items():
        values = list(ranking.values())
        ranks = scores.odd_ranks.get(qid)
        if ranks is not None and all(rank.isdecimal() for rank in ranks):
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


def ordered(ranking: Mapping[str, float]) -> list[str]:
    """Return the docids in trec_eval's order: score as a 32-bit float, equal ones by docid, both falling.

    >>> ordered({"a": 1.0, "b": 2.0, "c": 1.0 + 1e-9})
    ['b', 'c', 'a']
    """
    pairs = zip(array("f", ranking.values()), ranking, strict=True)
    return [docid for _, docid in sorted(pairs, reverse=True)]


def without_ties(ranking: Mapping[str, float]) -> Ranking:
    """Return the ranking with scores n ... 1 in trec_eval's order, for software that breaks ties its own way.

    >>> without_ties({"a": 1.0, "b": 1.0})
    {'b': 2.0, 'a': 1.0}
    """
    return {docid: float(len(ranking) - rank) for rank, docid in enumerate(ordered(ranking))}


def without_documents(run: Run, excluded: Mapping[str, frozenset[str]]) -> Run:
    """Return the run without documents (docids by qid) that its queries must not retrieve."""
    scores = {
        qid: {docid: score for docid, score in ranking.items() if docid not in excluded.get(qid, ())}
        for qid, ranking in run.scores.items()
    }
    return replace(run, scores={qid: kept for qid, kept in scores.items() if kept})
