"""A TREC run as scores alone: what an evaluation needs, read a block of lines at a time.

Regular blocks are taken apart in a few calls, any other line by line, so that every message names its line.
"""

import math
from dataclasses import dataclass, field
from io import BytesIO

from rearank_cli.formats import regular
from rearank_cli.formats.streams import Source, decoded
from rearank_cli.formats.trec import RUN_COLUMNS, run_lines, twice

NUMERALS = [str(number) for number in range(1, 1001)]


@dataclass(slots=True)
class Scores:
    """A run, qid -> docid -> score in file order, with the ranks of queries that do not count 1, 2, 3 ..."""

    by_query: dict[str, dict[str, float]] = field(default_factory=dict)
    odd_ranks: dict[str, list[str]] = field(default_factory=dict)
    tag: str = ""

    def add(self, qid: str, ranking: dict[str, float], ranks: list[str]) -> None:
        """Append documents of a query, none of which it has yet; `ranking` is the run's own from here on."""
        at = len(self.by_query.get(qid, ()))
        if at:
            self.by_query[qid].update(ranking)
        else:
            self.by_query[qid] = ranking
        if qid in self.odd_ranks:
            self.odd_ranks[qid] += ranks
        elif ranks != NUMERALS[at : at + len(ranks)]:
            self.odd_ranks[qid] = [str(rank) for rank in range(1, at + 1)] + ranks


def read_scores(source: Source) -> Scores:
    """Read a run for its scores; raises as `trec.read_run`."""
    scores = Scores()
    number = 1
    for block in source.raw_blocks(regular.BLOCK):
        if not _add_regular(scores, block):
            _add_lines(scores, source.name, block, number)
        number += block.count(b"\n")
    return scores


def _add_regular(scores: Scores, block: bytes) -> bool:
    """Add a block of regular lines, each query in one piece; False, and nothing added, for any other."""
    fields = regular.fields(block, RUN_COLUMNS)
    values = regular.floats(fields[4::RUN_COLUMNS])
    if not values or not math.isfinite(sum(values)):
        return False
    docids, ranks = fields[2::RUN_COLUMNS], fields[3::RUN_COLUMNS]
    found: dict[str, tuple[dict[str, float], list[str]]] = {}
    for qid, lines in regular.pieces(fields[::RUN_COLUMNS]):
        ranking = dict(zip(docids[lines], values[lines], strict=True))
        known = scores.by_query.get(qid)
        if (
            qid in found
            or len(ranking) < len(ranks[lines])
            or (known and not ranking.keys().isdisjoint(known))
        ):
            return False
        found[qid] = ranking, ranks[lines]
    for qid, (ranking, own_ranks) in found.items():
        scores.add(qid, ranking, own_ranks)
    scores.tag = fields[-1]
    return True


def _add_lines(scores: Scores, name: str, block: bytes, first: int) -> None:
    for line in run_lines(decoded(name, BytesIO(block), first), name):
        if line.docid in scores.by_query.get(line.qid, ()):
            raise twice(name, line)
        scores.add(line.qid, {line.docid: line.score}, [line.rank])
        scores.tag = line.tag
