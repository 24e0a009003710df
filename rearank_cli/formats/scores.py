"""A TREC run as scores alone: what an evaluation needs, read a block of lines at a time.

A block that is as regular as most runs are (ASCII, one blank or tab between six columns) is taken apart
in a few calls; any other is read line by line, so that every message names its line.
"""

import math
from dataclasses import dataclass, field
from io import BytesIO
from itertools import groupby

from rearank_cli.formats.streams import Source, decoded
from rearank_cli.formats.trec import RUN_COLUMNS, run_lines, twice

BLOCK = 1 << 16  # bytes; larger ones fall out of the cache and take longer
NUMERALS = [str(number) for number in range(1, 1001)]
_TABS = bytes.maketrans(b"\t", b" ")
_INK = bytes(byte for byte in range(256) if byte > 127 or not chr(byte).isspace())
_SKELETON = b" " * (RUN_COLUMNS - 1) + b"\n"


@dataclass(slots=True)
class Scores:
    """A run, qid -> docid -> score in file order, with the ranks of queries that do not count 1, 2, 3 ..."""

    by_query: dict[str, dict[str, float]] = field(default_factory=dict)
    odd_ranks: dict[str, list[str]] = field(default_factory=dict)
    tag: str = ""

    def add(self, qid: str, ranking: dict[str, float], ranks: list[str]) -> None:
        """Append documents of a query, none of which it has yet."""
        held = self.by_query.setdefault(qid, {})
        at = len(held)
        held.update(ranking)
        if qid in self.odd_ranks:
            self.odd_ranks[qid] += ranks
        elif ranks != NUMERALS[at : at + len(ranks)]:
            self.odd_ranks[qid] = [str(rank) for rank in range(1, at + 1)] + ranks


def read_scores(source: Source) -> Scores:
    """Read a run for its scores; raises as `trec.read_run`."""
    scores = Scores()
    number = 1
    for block in source.raw_blocks(BLOCK):
        if not _add_regular(scores, block):
            _add_lines(scores, source.name, block, number)
        number += block.count(b"\n")
    return scores


def _add_regular(scores: Scores, block: bytes) -> bool:
    """Add a block of regular lines, each query in one piece; False, and nothing added, for any other."""
    fields = _fields(block)
    values = _finite(fields[4::RUN_COLUMNS])
    if not values:
        return False
    docids, ranks = fields[2::RUN_COLUMNS], fields[3::RUN_COLUMNS]
    found: dict[str, tuple[dict[str, float], list[str]]] = {}
    start = 0
    for qid, lines in groupby(fields[0::RUN_COLUMNS]):
        end = start + len(list(lines))
        ranking = dict(zip(docids[start:end], values[start:end], strict=True))
        known = scores.by_query.get(qid, {})
        if qid in found or len(ranking) < end - start or not ranking.keys().isdisjoint(known):
            return False
        found[qid] = ranking, ranks[start:end]
        start = end
    for qid, (ranking, own_ranks) in found.items():
        scores.add(qid, ranking, own_ranks)
    scores.tag = fields[-1]
    return True


def _fields(block: bytes) -> list[str]:
    """Return the columns of all lines, one after the other; [] where a line may not be regular.

    Five separators a line and six fields a line on average leave no line that has other than six.
    """
    lines = block.count(b"\n")
    if not block.isascii() or block.startswith(b"#") or b"\n#" in block:
        return []
    if block.translate(_TABS, _INK) != _SKELETON * lines:
        return []
    fields = block.decode("ascii").split()
    return fields if len(fields) == RUN_COLUMNS * lines else []


def _finite(texts: list[str]) -> list[float]:
    """Return the numbers; [] where one is none or not finite."""
    try:
        values = list(map(float, texts))
    except ValueError:
        return []
    return values if math.isfinite(sum(values)) else []


def _add_lines(scores: Scores, name: str, block: bytes, first: int) -> None:
    for line in run_lines(decoded(name, BytesIO(block), first), name):
        if line.docid in scores.by_query.get(line.qid, ()):
            raise twice(name, line)
        scores.add(line.qid, {line.docid: line.score}, [line.rank])
        scores.tag = line.tag
