"""A TREC run as columns of numbers: a regular one taken apart many lines at a time, any other line by line.

Regular is: ASCII, six columns with one blank or tab between two, no comment, ranks of digits, finite scores. Lines
that lack nothing but tidiness (CRLF, aligned columns, no last line end) are made so first.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rearank_cli.evaluation.docids import SPARE, Docids, Floats, Ints, Truths
from rearank_cli.formats.trec import run_lines, twice

COLUMNS, ASCII = 6, 127
QID, DOCID, RANK, SCORE, LAST = 0, 2, 3, 4, 5
# So many digits are exact in a float, as is the power of ten below them: one division rounds as it should.
DIGITS = 15
BLANK, HASH, MINUS, POINT, ZERO = b" #-.0"
_TABS, _SEPARATORS = bytes.maketrans(b"\t", b" "), b"     \n"
_POWERS = np.array([float(10**power) for power in range(DIGITS + 3)])

Bytes: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Columns:
    """The lines of a run: `queries` (each one's place in `qids`), docids, ranks, scores, of shape [lines].

    A rank is NaN where its column holds none. `tag` is that of the last line.
    """

    qids: list[str]
    queries: Ints
    docids: Docids
    ranks: Floats
    scores: Floats
    tag: str


def read_columns(blocks: Iterable[bytes], taken: bytearray) -> Columns | None:
    """Return the columns of a run (blocks of whole lines); None, as soon as it is seen, where it is not regular.

    What was taken from the blocks is appended to `taken`, line by line, and `SPARE` at their end: there the docids
    stand. Whether a document stands twice for a query is looked at in the first block only: input that says one
    thing for ever ends there.
    """
    parts: list[_Part] = []
    block = b""
    for block in blocks:
        at = len(taken)
        part = _part(block, at)
        if part is None:
            block = _tidied(block)
            part = _part(block, at)
        taken += block
        if part is None or (not parts and _repeats(block, part)):
            return None
        parts.append(part)
    taken += SPARE
    pieces = [qid for part in parts for qid in part.qids]
    numbers = {qid: number for number, qid in enumerate(dict.fromkeys(pieces))}
    queries = np.repeat([numbers[qid] for qid in pieces], np.concatenate([part.counts for part in parts]))
    starts = np.concatenate([part.starts for part in parts])
    lengths = np.concatenate([part.lengths for part in parts])
    ranks = np.concatenate([part.ranks for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    tag = block.rsplit(None, 1)[-1].decode()
    return Columns(list(numbers), queries, Docids(taken, starts, lengths), ranks, scores, tag)


def read_lines(name: str, lines: Iterable[tuple[int, str]]) -> Columns:
    """Return the columns of any run, of its numbered lines; raises as `trec.read_run`."""
    rows: dict[str, dict[str, tuple[float, float]]] = {}
    tag = ""
    for line in run_lines(lines, name):
        ranking = rows.setdefault(line.qid, {})
        if line.docid in ranking:
            raise twice(name, line)
        ranking[line.docid] = _rank(line.rank), line.score
        tag = line.tag
    numbers = chain.from_iterable(row.values() for row in rows.values())
    ranks, scores = np.array(list(numbers), float).reshape(-1, 2).T
    queries = np.repeat(np.arange(len(rows)), [len(row) for row in rows.values()])
    return Columns(list(rows), queries, Docids.of(chain.from_iterable(rows.values())), ranks, scores, tag)


def _rank(text: str) -> float:
    return float(text) if text.isdecimal() else math.nan


@dataclass(frozen=True, slots=True)
class _Part:
    """A block of lines: the qids that follow one another, on how many lines each stands; docids; numbers."""

    qids: list[str]
    counts: Ints
    starts: Ints
    lengths: Ints
    ranks: Floats
    scores: Floats


def _repeats(block: bytes, part: _Part) -> bool:
    """Return whether a document seems to stand twice in the first block."""
    docids = Docids(block + SPARE, part.starts, part.lengths)
    keys = np.sort(docids.keys(np.repeat(np.arange(len(part.counts)), part.counts)))
    return bool((keys[1:] == keys[:-1]).any())


def _tidied(block: bytes) -> bytes:
    """Return the lines with one blank between two fields and none around them; a blank line stays one.

    >>> _tidied(b" q1\\tQ0  d1 1 2.5 t\\r\\nq1 Q0 d2 2 1.5 t")
    b'q1 Q0 d1 1 2.5 t\\nq1 Q0 d2 2 1.5 t\\n'
    """
    lines = block.removesuffix(b"\n").split(b"\n")
    return b"".join(b" ".join(line.split()) + b"\n" for line in lines)


def _part(block: bytes, at: int) -> _Part | None:
    """Take a block apart that begins at byte `at` of the whole."""
    chars = np.frombuffer(block, np.uint8)
    ends = _ends(chars)
    if ends is None:
        return None
    firsts = np.append(0, ends[:-1, LAST] + 1)
    ranks, digits_alone = _numbers(chars, ends[:, RANK - 1] + 1, ends[:, RANK])
    scores, _ = _numbers(chars, ends[:, SCORE - 1] + 1, ends[:, SCORE])
    for line in np.flatnonzero(np.isnan(scores)).tolist():
        scores[line] = _float(block[ends[line, SCORE - 1] + 1 : ends[line, SCORE]])
    if (chars[firsts] == HASH).any() or not digits_alone.all() or not np.isfinite([ranks, scores]).all():
        return None
    qids = Docids(block + SPARE, firsts, ends[:, QID] - firsts)
    new = np.flatnonzero(qids.new())
    starts = ends[:, DOCID - 1] + 1
    counts = np.diff(new, append=len(firsts))
    return _Part(qids.at(new).texts(), counts, at + starts, ends[:, DOCID] - starts, ranks, scores)


def _ends(chars: Bytes) -> Ints | None:
    """Return where the fields end, of shape [lines, columns]; None where a line is not regular."""
    white = chars <= BLANK  # every white space of ASCII's
    ends = np.flatnonzero(white)
    separators = chars.take(ends).tobytes().translate(_TABS)
    if separators != _SEPARATORS * (len(ends) // COLUMNS) or chars.max() > ASCII:
        return None
    if white[0] or (white[1:] & white[:-1]).any():
        return None
    return ends.reshape(-1, COLUMNS)


def _numbers(chars: Bytes, starts: Ints, ends: Ints) -> tuple[Floats, Truths]:
    """Return plain decimals (`12.5`, `-3`), NaN for any other text, and which texts are digits alone."""
    lengths = ends - starts
    mantissa = np.zeros(len(starts), np.int64)
    digits, decimals = np.zeros(len(starts), np.uint8), np.zeros(len(starts), np.uint8)
    minus, pointed = chars[starts] == MINUS, np.zeros(len(starts), np.bool_)
    for place in range(min(int(lengths.max()), DIGITS + 2)):
        char = chars.take(starts + place, mode="clip")
        value = char - np.uint8(ZERO)  # what is no digit comes out as 10 or more
        inside = lengths > place
        digit = inside & (value < 10)
        mantissa = np.where(digit, mantissa * 10 + value, mantissa)
        digits += digit
        decimals += digit & pointed
        pointed |= inside & (char == POINT)
    values = np.where(minus, -mantissa, mantissa) / _POWERS[decimals]
    plain = (digits > 0) & (digits <= DIGITS) & (digits + pointed + minus == lengths)
    values[~plain] = np.nan
    return values, digits == lengths


def _float(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
