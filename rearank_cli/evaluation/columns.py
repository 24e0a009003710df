"""A regular TREC run taken apart into numbers, many lines at a time.

Regular is: ASCII, six columns with one blank or tab between two, no comment, ranks of digits, finite scores. Any
other run is for a reader that goes line by line and can name the line.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rearank_cli.evaluation.docids import SPARE, Docids, Floats, Ints, Truths

COLUMNS, ASCII = 6, 127
QID, DOCID, RANK, SCORE, LAST = 0, 2, 3, 4, 5
DIGITS = (
    15  # so many are exact in a float, as is the power of ten below them: one division rounds as it should
)
BLANK, HASH, MINUS, POINT, ZERO = b" #-.0"
_TABS, _SEPARATORS = bytes.maketrans(b"\t", b" "), b"     \n"
_POWERS = np.array([float(10**power) for power in range(DIGITS + 3)])

Bytes: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Columns:
    """The lines of a run: `queries` (each one's place in `qids`), docids, ranks, scores, of shape [lines].

    `tag` is that of the last line.
    """

    qids: list[str]
    queries: Ints
    docids: Docids
    ranks: Floats
    scores: Floats
    tag: str


def read_columns(blocks: Sequence[bytes]) -> Columns | None:
    """Return the columns of a run (blocks of whole lines), or None where a line is not regular.

    Whether a document stands twice for a query is not looked at.
    """
    whole = b"".join([*blocks, SPARE])
    parts = []
    for start, end in pairwise(accumulate(map(len, blocks), initial=0)):
        part = _part(whole, start, end)
        if part is None:
            return None
        parts.append(part)
    pieces = [qid for part in parts for qid in part.qids]
    numbers = {qid: number for number, qid in enumerate(dict.fromkeys(pieces))}
    queries = np.repeat([numbers[qid] for qid in pieces], np.concatenate([part.counts for part in parts]))
    starts = np.concatenate([part.docids.starts for part in parts])
    lengths = np.concatenate([part.docids.lengths for part in parts])
    ranks = np.concatenate([part.ranks for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    tag = blocks[-1].split()[-1].decode()
    return Columns(list(numbers), queries, Docids(whole, starts, lengths), ranks, scores, tag)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some lines: the qids that follow one another, on how many lines each stands, and the other columns."""

    qids: list[str]
    counts: Ints
    docids: Docids
    ranks: Floats
    scores: Floats


def _part(whole: bytes, start: int, end: int) -> _Part | None:
    chars = np.frombuffer(whole, np.uint8, end - start, start)
    ends = _ends(chars)
    if ends is None:
        return None
    firsts = np.append(0, ends[:-1, LAST] + 1)
    ranks, digits_alone = _numbers(chars, ends[:, RANK - 1] + 1, ends[:, RANK])
    scores, _ = _numbers(chars, ends[:, SCORE - 1] + 1, ends[:, SCORE])
    for line in np.flatnonzero(np.isnan(scores)).tolist():
        scores[line] = _float(whole[start + ends[line, SCORE - 1] + 1 : start + ends[line, SCORE]])
    if (chars[firsts] == HASH).any() or not digits_alone.all() or not np.isfinite([ranks, scores]).all():
        return None
    qids = Docids(whole, firsts + start, ends[:, QID] - firsts)
    lines = np.arange(len(firsts))
    new = np.flatnonzero(np.append(True, ~qids.at(lines[1:]).equal(qids.at(lines[:-1]))))
    docids = Docids(whole, ends[:, DOCID - 1] + (start + 1), ends[:, DOCID] - ends[:, DOCID - 1] - 1)
    return _Part(qids.at(new).texts(), np.diff(new, append=len(lines)), docids, ranks, scores)


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
