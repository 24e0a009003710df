"""The trace: append-only JSON lines, what was asked and what was answered.

A header line a start, then one line a finished window:

    {"rearank" (version), "started", "pid", "asked": {"model", "engine", "prompt", "sampling", "weights", ...}}

    {"qid", "docids" (as presented), "sample", "repeat", "prompt" (digest), "completion", "finish",
     "prompt_tokens", "output_tokens", "seconds", "permutation" (numbers from 1), "outcome",
     "reason" (the server's words, if `finish` is error or refused), "model" (as a server calls itself)}

Recorded answers of other tools need only `qid`, `docids` and `completion`.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO, get_args

import orjson

from rearank_cli.errors import DataError, MissingInput
from rearank_cli.formats.elements import parsed
from rearank_cli.formats.streams import LONGEST
from rearank_cli.records import Completion, Finish, Permutation, Prompt

Row = dict[str, Any]  # one line of a trace
_NUMBERS = ("prompt_tokens", "output_tokens", "seconds")


@dataclass(frozen=True, slots=True)
class Answer:
    """One finished window."""

    prompt: Prompt
    completion: Completion
    permutation: Permutation

    def row(self) -> Row:
        """Return the line that the trace keeps."""
        row: Row = {
            "qid": self.prompt.qid,
            "docids": self.prompt.docids,
            "sample": self.prompt.sample,
            "repeat": self.prompt.repeat,
            "prompt": self.prompt.digest,
            "completion": self.completion.text,
            "finish": self.completion.finish,
            "prompt_tokens": self.completion.prompt_tokens,
            "output_tokens": self.completion.output_tokens,
            "seconds": round(self.completion.seconds, 3),
            "permutation": [place + 1 for place in self.permutation.order],
            "outcome": self.permutation.outcome,
        }
        said = {"reason": self.completion.reason, "model": self.completion.model}
        return {**row, **{name: words for name, words in said.items() if words}}


def completion_of(row: Row) -> Completion:
    """Return the completion that a line recorded."""
    return Completion(
        row["completion"],
        finish=row.get("finish", "stop"),
        prompt_tokens=int(row.get("prompt_tokens", 0)),
        output_tokens=int(row.get("output_tokens", 0)),
        seconds=float(row.get("seconds", 0.0)),
        reason=str(row.get("reason", "")),
        model=str(row.get("model", "")),
    )


def digest(*parts: str) -> int:
    """Return 64 bits that stand for some strings."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest())


def window_digest(qid: str, docids: tuple[str, ...] | list[str]) -> int:
    """Return the key of a replay: which query, and which documents as presented."""
    return digest(qid, *docids)


def agree(before: object, now: object) -> bool:
    """Return whether two settings of answers say the same where both say something.

    What only one of them holds was not recorded by the version that wrote the other.

    >>> agree({"model": "m"}, {"model": "m", "weights": "f00"}), agree({"model": "m"}, {"model": "n"})
    (True, False)
    """
    if isinstance(before, dict) and isinstance(now, dict):
        return all(agree(before[name], now[name]) for name in before.keys() & now.keys())
    return before == now


class TraceIndex:
    """Where the lines of a trace are, by a 64-bit key: 16 bytes a line, whatever its length."""

    def __init__(self, path: str, key: Callable[[Row, Row], int | None]) -> None:
        """Read a trace once. `key(line, header above it)` gives the key of a line, None to leave it out.

        Raises:
            MissingInput: no such file, or a pipe.
            DataError: a line is not JSON, or neither a window nor a header.
        """
        try:
            self._file: BinaryIO = Path(path).open("rb")  # noqa: SIM115 - held until close()
        except OSError as error:
            raise MissingInput(f"{path}: the recording cannot be read ({error.strerror})") from error
        if not self._file.seekable():
            self._file.close()
            raise MissingInput(f"{path}: expected a file, found a pipe; a recording is read more than once")
        self._path = path
        self.header: Row = {}
        """The last header read."""
        try:
            self._keys, self._offsets = self._sorted(key)
        except DataError:
            self._file.close()
            raise

    def _sorted(self, key: Callable[[Row, Row], int | None]) -> tuple["array[int]", "array[int]"]:
        keys, offsets = array("Q"), array("Q")
        for offset, row in self._rows():
            number = key(row, self.header)
            if number is not None:
                keys.append(number)
                offsets.append(offset)
        order = sorted(range(len(keys)), key=keys.__getitem__)  # stable: lines of one key stay in file order
        return array("Q", (keys[place] for place in order)), array("Q", (offsets[place] for place in order))

    def __len__(self) -> int:
        return len(self._keys)

    def _rows(self) -> Iterator[tuple[int, Row]]:
        offset = 0
        for number, line in enumerate(iter(partial(self._file.readline, LONGEST), b""), 1):
            row = self._parsed(f"{self._path}:{number}", line) if line.strip() else {}
            if "completion" in row:
                yield offset, row
            elif row:
                self.header = row
            offset += len(line)

    def _parsed(self, place: str, line: bytes) -> Row:
        try:
            row = parsed(place, line)
        except orjson.JSONDecodeError as error:
            raise DataError(
                f"{place}: expected one JSON object a line, found none that parses ({error})"
            ) from error
        if not isinstance(row, dict):
            raise DataError(f"{place}: expected a JSON object, found {row!r}")
        expected = _lacking(row)
        if expected:
            raise DataError(f"{place}: expected {expected}, found {sorted(row)[:12]}; is this a trace?")
        return row

    def rows(self, key: int) -> list[int]:
        """Return the offsets of the lines with this key, in file order."""
        at = bisect_left(self._keys, key)
        end = at
        while end < len(self._keys) and self._keys[end] == key:
            end += 1
        return list(self._offsets[at:end])

    def read(self, offset: int) -> Row:
        """Return the line at an offset that `rows` gave."""
        self._file.seek(offset)
        return self._parsed(f"{self._path}@{offset}", self._file.readline())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _lacking(row: Row) -> str:
    """Return what a line should have had, "" for a window's or a header's as they should be."""
    if "completion" not in row:
        header = "rearank" in row and isinstance(row.get("asked", {}), dict)
        return "" if header or not row else '"completion", or "rearank" and what was "asked" in a header'
    if not {"qid", "docids"} <= row.keys():
        return '"qid" and "docids" beside "completion"'
    if not isinstance(row["completion"], str) or not isinstance(row["docids"], list):
        return '"completion" as a string and "docids" as a list'
    if row.get("finish", "stop") not in get_args(Finish):
        return f'"finish" as one of {", ".join(get_args(Finish))}'
    numbers = all(
        isinstance(row.get(name, 0), int | float) and isfinite(row.get(name, 0)) for name in _NUMBERS
    )
    return "" if numbers else f"numbers as {', '.join(_NUMBERS)}"
