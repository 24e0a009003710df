"""A TREC run as columns of numbers: a regular block of lines is taken apart at once, any other line by line.

Regular is: ASCII, six columns with one blank or tab between two, no comment, ranks of digits, finite scores. Lines
that lack nothing but tidiness (CRLF, aligned columns, no last line end) are made so first.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rearank_cli.errors import DataError
from rearank_cli.evaluation.docids import SPARE, Docids, Floats, Ints, Truths
from rearank_cli.evaluation.lines import Columns, Lines, numbered, repeated, slices
from rearank_cli.formats.streams import decoded
from rearank_cli.formats.trec import RunLine, run_lines, twice

COLUMNS, ASCII = 6, 127
QID, DOCID, RANK, SCORE, LAST = 0, 2, 3, 4, 5
# So many digits are exact in a float, as is the power of ten below them: one division rounds as it should.
DIGITS = 15
BLANK, HASH, MINUS, POINT, ZERO = b" #-.0"
_TABS, _SEPARATORS = bytes.maketrans(b"\t", b" "), b"     \n"
_POWERS = np.array([float(10**power) for power in range(DIGITS + 3)])

Bytes: TypeAlias = NDArray[np.uint8]


def read_columns(name: str, blocks: Iterable[bytes]) -> tuple[Columns, str]:
    """Return the lines of a run (blocks of whole lines) and the tag of the last one.

    Raises:
        DataError: as `trec.read_run`, with `name` and the number of the first line that is wrong. Input that says
            one thing for ever ends at its first block.
    """
    lines, number, tag = Lines(), 1, ""
    wrong: DataError | None = None
    for block in blocks:
        part = _part(block, number) or _part(_tidied(block), number)
        if part is None:
            part, wrong = _line_by_line(name, block, number)
        pieces = zip(part.qids, part.counts.tolist(), strict=True)
        lines.add(pieces, part.docids, part.scores, part.ranks, part.numbers)
        tag = part.tag or tag
        if wrong or (number == 1 and len(repeated(part.queries, part.docids))):
            break
        number += block.count(b"\n")
    columns = lines.columns()
    _check_repeated(name, columns)
    if wrong:
        raise wrong
    return columns, tag


def _check_repeated(name: str, columns: Columns) -> None:
    """Raise the error of the first line, as the file has them, with a document that its query has already."""
    found = []
    for queries, lines in slices(columns.sizes):
        which, docids = numbered(columns.sizes, queries), columns.docids.at(lines)
        again = repeated(which, docids)
        if len(again):
            places = columns.places(lines.start + again)
            first = again[places.argmin()]
            found.append((int(places.min()), columns.qids[which[first]], *docids.texts(first, first + 1)))
    if found:
        place, qid, docid = min(found)
        raise twice(name, RunLine(columns.number(place), qid, docid, "", 0.0, ""))


def _line_by_line(name: str, block: bytes, number: int) -> tuple["_Part", DataError | None]:
    """Read any block, whose first line has this number, up to the line that is wrong, and say what is wrong there."""
    found: list[RunLine] = []
    wrong = None
    try:
        for line in run_lines(decoded(name, BytesIO(block), number), name):
            found.append(line)  # one by one: those before the wrong one are kept
    except DataError as error:
        wrong = error
    pieces = [(qid, len(list(lines))) for qid, lines in groupby(line.qid for line in found)]
    part = _Part(
        [qid for qid, _ in pieces],
        np.array([count for _, count in pieces], np.int64),
        Docids.of(line.docid for line in found),
        np.array([_rank(line.rank) for line in found], float),
        np.array([line.score for line in found], float),
        np.array([line.number for line in found], np.int64),
        found[-1].tag if found else "",
    )
    return part, wrong


def _rank(text: str) -> float:
    return float(text) if text.isdecimal() else math.nan


@dataclass(frozen=True, slots=True)
class _Part:
    """Lines of a block: the qids that follow one another, on how many lines each stands; the columns, line by line."""

    qids: list[str]
    counts: Ints
    docids: Docids
    ranks: Floats
    scores: Floats
    numbers: Ints
    tag: str

    @property
    def queries(self) -> Ints:
        """For each line a number that stands for its query, from 0."""
        numbers = {qid: number for number, qid in enumerate(dict.fromkeys(self.qids))}
        return np.repeat(np.array([numbers[qid] for qid in self.qids], np.int64), self.counts)


def _tidied(block: bytes) -> bytes:
    """Return the lines with one blank between two fields and none around them; a blank line stays one.

    >>> _tidied(b" q1\\tQ0  d1 1 2.5 t\\r\\nq1 Q0 d2 2 1.5 t")
    b'q1 Q0 d1 1 2.5 t\\nq1 Q0 d2 2 1.5 t\\n'
    """
    lines = block.removesuffix(b"\n").split(b"\n")
    return b"".join(b" ".join(line.split()) + b"\n" for line in lines)


def _part(block: bytes, number: int) -> _Part | None:
    """Take a block apart whose first line has this number; None if it is not regular."""
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
    data = block + SPARE
    qids = Docids(data, firsts, ends[:, QID] - firsts)
    new = np.flatnonzero(qids.new())
    starts = ends[:, DOCID - 1] + 1
    docids = Docids(data, starts, ends[:, DOCID] - starts)
    tag = block[ends[-1, LAST - 1] + 1 : ends[-1, LAST]].decode()
    numbers = np.arange(number, number + len(firsts))
    return _Part(qids.at(new).texts(), np.diff(new, append=len(firsts)), docids, ranks, scores, numbers, tag)


def _ends(chars: Bytes) -> Ints | None:
    """Return where the fields end, of shape [lines, columns]; None where a line is not regular."""
    white = chars <= BLANK  # every white space of ASCII's
    ends = np.flatnonzero(white)
    if not len(ends):
        return None
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
        return math.nan if b"_" in text else float(text)  # `1_0` is a number to Python alone
    except ValueError:
        return math.nan
