"""A regular TREC run taken apart into numbers, many lines at a time.

Regular is: ASCII, six columns with one blank or tab between two, no comment, ranks of digits, finite scores. Any
other run is for a reader that goes line by line and can name the line.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
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


def read_columns(blocks: Iterable[bytes]) -> Columns | None:
    """Return the columns of a run (blocks of whole lines); None, as soon as it is seen, where it is not regular.

    Whether a document stands twice for a query is looked at in the first block only: input that says one thing
    for ever ends there.
    """
    parts: list[_Part] = []
    for block in blocks:
        part = _part(block)
        if part is None or (not parts and part.repeats):
            return None
        parts.append(part)
    pieces = [qid for part in parts for qid in part.qids]
    numbers = {qid: number for number, qid in enumerate(dict.fromkeys(pieces))}
    queries = np.repeat([numbers[qid] for qid in pieces], np.concatenate([part.counts for part in parts]))
    offsets = accumulate((len(part.block) for part in parts), initial=0)
    starts = np.concatenate([part.starts + at for at, part in zip(offsets, parts, strict=False)])
    lengths = np.concatenate([part.lengths for part in parts])
    ranks = np.concatenate([part.ranks for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    whole = b"".join([*(part.block for part in parts), SPARE])
    tag = parts[-1].block.split()[-1].decode()
    return Columns(list(numbers), queries, Docids(whole, starts, lengths), ranks, scores, tag)


@dataclass(frozen=True, slots=True)
class _Part:
    """A block of lines: the qids that follow one another, on how many lines each stands; docids; numbers."""

    block: bytes
    qids: list[str]
    counts: Ints
    starts: Ints
    lengths: Ints
    ranks: Floats
    scores: Floats

    @property
    def repeats(self) -> bool:
        """Whether a document seems to stand twice."""
        docids = Docids(self.block + SPARE, self.starts, self.lengths)
        keys = np.sort(docids.keys(np.repeat(np.arange(len(self.counts)), self.counts)))
        return bool((keys[1:] == keys[:-1]).any())


def _part(block: bytes) -> _Part | None:
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
    lines = np.arange(len(firsts))
    new = np.flatnonzero(np.append(True, ~qids.at(lines[1:]).equal(qids.at(lines[:-1]))))
    starts = ends[:, DOCID - 1] + 1
    return _Part(
        block,
        qids.at(new).texts(),
        np.diff(new, append=len(lines)),
        starts,
        ends[:, DOCID] - starts,
        ranks,
        scores,
    )


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
