"""One JSON list, element by element as its bytes come, in memory for one element; and what one may hold."""

import re
from collections.abc import Iterator

import orjson

from rearank_cli.errors import DataError
from rearank_cli.formats.streams import LONGEST

MOST_VALUES = 1 << 22
"""Values of one object, counted by its brackets and commas: each takes up to 100 bytes of memory."""
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TO_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:' + _STRING + rb'[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL)
_BLANK = b" \t\n\r"
_EXPECTED = "expected a JSON list of objects"
_KINDS = {b"[": "a list", b'"': "a string", b"t": "a truth value", b"f": "a truth value", b"n": "nothing"}
_NUMBER = b"-0123456789"


def elements(name: str, pieces: Iterator[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield (place for messages, bytes) of each object of a list; `pieces` is the list, cut anywhere.

    Raises:
        DataError: something else than objects between brackets and commas, or an object without end.

    >>> list(elements("f", iter([b'[{"a": "}', b'"}, {}]'])))
    [('f[0]', b'{"a": "}"}'), ('f[1]', b'{}')]
    """
    text = _Text(name, pieces)
    if text.next() != b"[":
        raise DataError(f"{name}: {_EXPECTED}, found something else")
    text.at += 1
    index, sign = 0, text.next()
    while sign != b"]" or index:  # after a comma an object must come
        place = f"{name}[{index}]"
        if sign != b"{":
            raise DataError(f"{place}: expected a JSON object, found {_kind(sign)}")
        yield place, text.object(place)
        index, sign = index + 1, text.next()
        if sign == b"]":
            break
        if sign != b",":
            raise DataError(f"{place}: {_EXPECTED}, found no comma or bracket after this one")
        text.at += 1
        sign = text.next()
    text.at += 1
    if text.next():
        raise DataError(f"{name}: {_EXPECTED}, found more after its end")


def _kind(sign: bytes) -> str:
    if not sign:
        return "the end of the data; is the file cut short?"
    return _KINDS.get(sign, "a number" if sign in _NUMBER else "none that parses")


class _Text:
    """The bytes that came and were not taken yet; `at` is the place of the next one."""

    def __init__(self, name: str, pieces: Iterator[bytes]) -> None:
        self._name = name
        self._pieces = pieces
        self._data = b""
        self.at = 0

    def _more(self, start: int) -> bool:
        """Fetch as much again as is held from `start` on, which becomes 0; False at the end of the data."""
        held = len(self._data) - start
        parts, size = [self._data[start:]], 0
        while size <= held:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            size += len(piece)
        self._data = b"".join(parts)
        self.at -= start
        return size > 0

    def next(self) -> bytes:
        """Return the next byte that is not blank, and go there; b"" at the end."""
        while True:
            rest = self._data[self.at : self.at + 64].lstrip(_BLANK)
            if rest:
                self.at += min(64, len(self._data) - self.at) - len(rest)
                return rest[:1]
            self.at = min(len(self._data), self.at + 64)
            if self.at == len(self._data) and not self._more(self.at):
                return b""

    def object(self, place: str) -> bytes:
        """Return the object that begins here, and go behind its end."""
        depth, brackets, start, end = 0, 0, self.at, self.at
        while brackets <= MOST_VALUES:
            found = _TO_BRACKET.match(self._data, end)
            if found is None:
                if len(self._data) - start > LONGEST:
                    raise DataError(f"{place}: expected an object of at most {LONGEST >> 20} MiB, found more")
                end -= start
                self.at = start
                if not self._more(start):
                    raise DataError(f"{place}: {_EXPECTED}, found no end of this one; is the file cut short?")
                start = 0
                continue
            end = found.end()
            brackets += 1
            depth += 1 if found[1] in b"{[" else -1
            if depth == 0:
                self.at = end
                return self._data[start:end]
        raise _too_many(place)


def parsed(place: str, text: bytes | str) -> object:
    """Return what JSON says, as far as its values fit a bound.

    Raises:
        DataError: there are more than 4 million, or one is NaN or infinite.
        ValueError: it does not parse.
    """
    signs: tuple[bytes, ...] = (b"{", b"[", b",")
    counted = (text.count(sign) for sign in signs) if isinstance(text, bytes) else map(text.count, "{[,")
    if len(text) > MOST_VALUES and sum(counted) > MOST_VALUES:
        raise _too_many(place)
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        found = _NOT_FINITE.search(error.doc, max(0, error.pos - 1), error.pos + 10)
        if found:
            raise DataError(
                f"{place}: expected finite numbers, found {found[0]}, which is no JSON; write null, or drop it"
            ) from error
        raise
    return value


_NOT_FINITE = re.compile(r"-?(?:NaN|Infinity)\b")


def _too_many(place: str) -> DataError:
    return DataError(
        f"{place}: expected an object of at most {MOST_VALUES >> 20} million values, found more; "
        "is it one query or document?"
    )
