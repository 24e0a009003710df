"""Bytes in, bytes out: stdin and stdout as `-`, gzip found by itself, files whole or not at all."""

import gzip
import hashlib
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import UnsupportedOperation
from pathlib import Path
from typing import IO, BinaryIO, cast

from rearank_cli.console import visible
from rearank_cli.errors import DataError, MissingInput, UsageError
from rearank_cli.formats.appearing import Appearing
from rearank_cli.formats.outputs import check_output, descriptor, is_kept, named

STDIN = "<stdin>"
LONGEST = 1 << 28
"""Bytes of the longest line, and of the largest JSON list: what must be held whole ends there."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


MOST_FOLD = 100
"""Times its size that gzip data may unpack to, once it is more than `FREE` bytes; text stays far below."""
FREE = 1 << 26
_PIECE = 1 << 18  # bytes


class _Packed:
    """A packed input that counts what was taken from it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.taken += len(data)
        return data


@dataclass(frozen=True, slots=True)
class Source:
    """An open input and the name that error messages give it."""

    name: str
    stream: IO[bytes]
    file: BinaryIO | None = field(default=None, repr=False, compare=False)
    packed: _Packed | None = field(default=None, repr=False, compare=False)
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """The hash (hex) of what `raw_lines`, `lines` and `pieces` have read so far, unpacked."""
        return self._hash.hexdigest()

    def share_read(self) -> float | None:
        """Return how much of a file has been read, 0 to 1; None for a pipe, whose length nobody knows."""
        if self.file is None:
            return None
        size = os.fstat(self.file.fileno()).st_size
        return self.file.tell() / size if size else None

    def peek(self) -> bytes:
        """Return the first byte that is neither white space nor a byte-order mark; b"" at the end.

        Raises:
            DataError: a gzip stream is damaged.
            MissingInput: the device does not give it.
        """
        with _whole(self.name):
            ahead = self.stream.peek(65536)  # type: ignore[attr-defined]  # every Source is buffered
        return cast(bytes, ahead).removeprefix(BYTE_ORDER_MARK).lstrip()[:1]

    def lines(self, *, columns: bool = False) -> Iterator[tuple[int, str]]:
        """Yield (line number from 1, text), blank lines left out; as `decoded` does.

        Raises:
            DataError: the bytes are not UTF-8, or a gzip stream is damaged.
        """
        return decoded(self.name, self.raw_lines(), columns=columns)

    def raw_lines(self) -> Iterator[bytes]:
        """Yield the lines as bytes, the byte-order mark removed.

        Raises:
            DataError: a gzip stream is damaged or cut short, or a line has no end.
            MissingInput: the device does not give it.
        """
        lines = self._sound(iter(partial(self.stream.readline, LONGEST + 1), b""))
        for number, line in enumerate(lines, 1):
            self._hash.update(line)
            yield _bounded(
                f"{self.name}:{number}", line if number > 1 else line.removeprefix(BYTE_ORDER_MARK)
            )

    def pieces(self) -> Iterator[bytes]:
        """Yield the same bytes as `raw_lines` in pieces that end anywhere."""
        mark = BYTE_ORDER_MARK
        for piece in self._sound(iter(partial(self.stream.read, _PIECE), b"")):
            self._hash.update(piece)
            yield piece.removeprefix(mark)
            mark = b""

    def raw_blocks(self, size: int) -> Iterator[bytes]:
        """Yield the same bytes as `raw_lines` in blocks of whole lines, each about `size` bytes."""
        mark = BYTE_ORDER_MARK
        for block in self._sound(self._blocks(size)):
            yield block.removeprefix(mark)
            mark = b""

    def _blocks(self, size: int) -> Iterator[bytes]:
        while block := self.stream.read(size):
            yield block + _bounded(self.name, self.stream.readline(LONGEST + 1))

    def _sound(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield what is read, as long as it can be, and as it does not grow beyond all measure while unpacked."""
        total = 0
        with _whole(self.name):
            for piece in pieces:
                total += len(piece)
                if self.packed and total > max(FREE, MOST_FOLD * self.packed.taken):
                    raise DataError(
                        f"{self.name}: expected text in gzip, found data that unpack to more than {MOST_FOLD} times "
                        "their size, as no text does; unpack them first if they are meant"
                    )
                yield piece


def _bounded(place: str, data: bytes) -> bytes:
    if len(data) > LONGEST:
        raise DataError(
            f"{place}: expected a line of at most {LONGEST >> 20} MiB, found more; is it one object or hit a line?"
        )
    return data


def decoded(
    name: str, lines: Iterable[bytes], first: int = 1, *, columns: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield (line number, text without white space around it), blank lines left out; `first` is the first number.

    With `columns`, white space at the ends stays, since a tab there stands beside an empty column.

    Raises:
        DataError: the bytes are not UTF-8; the message begins with `name` and the line's number.
    """
    for number, line in enumerate(lines, first):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}:{number}: expected UTF-8 text, found the byte "
                f"0x{line[error.start]:02x}; convert the file, e.g. with iconv -f latin1 -t utf-8"
            ) from error
        if not text.isspace() and text:
            yield number, text.rstrip("\r\n") if columns else text.strip()


@contextmanager
def _whole(name: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{name}: expected whole gzip data, found damage ({error})") from error
    except OSError as error:
        raise MissingInput(
            f"{name}: cannot be read ({error.strerror}); check the path and the disk"
        ) from error


@contextmanager
def open_source(path: str) -> Iterator[Source]:
    """Open a file, or stdin for `-`, unpacking gzip.

    Raises:
        MissingInput: no such file, a folder, or no permission.
        UsageError: stdin is a terminal, which nobody would type candidates into.
    """
    if path == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("stdin is a terminal: pipe data into this command, or name a file")
        yield _unpacked(STDIN, _stdin(), None)
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below; opening has errors of its own
    except IsADirectoryError as error:
        raise MissingInput(f"{path}: expected a file, found a folder; name a file in it") from error
    except OSError as error:
        raise MissingInput(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if not file.seekable():  # a pipe: to close it would wait for a thread that waits for the stage before
        with file:
            kept = open(os.dup(file.fileno()), "rb", closefd=False)  # noqa: SIM115
        yield _unpacked(path, kept, None)
        return
    with file:
        yield _unpacked(path, file, file)


def _stdin() -> BinaryIO:
    """Return a reader of our own: Python closes its one when it ends, and aborts if a thread still waits there."""
    try:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except UnsupportedOperation:  # what stands there is no file, as where a program calls us with bytes
        return cast(BinaryIO, sys.stdin.buffer)


def _unpacked(name: str, stream: BinaryIO, file: BinaryIO | None) -> Source:
    with _whole(name):
        start = stream.peek(2)[:2]  # type: ignore[attr-defined]  # stdin.buffer and open(..., "rb") are buffered
    if start != b"\x1f\x8b":
        return Source(name, stream, file)
    packed = _Packed(stream)
    return Source(
        name, cast(IO[bytes], gzip.GzipFile(fileobj=cast(BinaryIO, packed), mode="rb")), file, packed
    )


class Sink:
    """An open output whose write errors name the place."""

    def __init__(self, name: str, stream: "IO[bytes] | _Terminal") -> None:
        self.name = name
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Write bytes.

        Raises:
            OutputError: the disk is full, the quota is used up, the device failed.
            BrokenPipeError: the reader has gone; the command ends in silence.
        """
        with named(self.name):
            self._stream.write(data)

    def flush(self) -> None:
        """Hand over what was written; errors as in `write`."""
        with named(self.name):
            self._stream.flush()


class _Terminal:
    """stdout where a person looks at it: what a terminal would obey is shown instead."""

    def write(self, data: bytes) -> None:
        sys.stdout.buffer.write(visible(data.decode(errors="replace"), keep="\n\t").encode())

    def flush(self) -> None:
        sys.stdout.buffer.flush()


def _as_it_stands(path: str, number: int | None) -> BinaryIO:
    """Open a device or a pipe, or go on with an open file. Raises OSError."""
    return Path(path).open("wb") if number is None else os.fdopen(os.dup(number), "wb")


@contextmanager
def open_sink(path: str) -> Iterator[Sink]:
    """Open stdout for `-`, else a file that appears under its name only when it is whole.

    The file is written beside its place, synced, and renamed; on any error it is removed. A name that
    ends in `.gz` is written as gzip (without a time stamp: the same data give the same bytes). A link stays,
    and what it points to is written; so is a device, a pipe or an open file (`/dev/fd/3`), which nothing can replace.

    Raises:
        OutputError: the folder is missing or read-only, or the disk is full.
    """
    number = descriptor(path)
    if number == 1:
        sink = Sink("<stdout>", _Terminal() if sys.stdout.isatty() else cast(BinaryIO, sys.stdout.buffer))
        yield sink
        sink.flush()
        return
    check_output(path)
    if not is_kept(path):
        with named(path), _as_it_stands(path, number) as device:
            yield Sink(path, device)
        return
    target = Path(os.path.realpath(path))
    with named(path):
        new = Appearing(target)
    try:
        packed = gzip.GzipFile("", "wb", fileobj=new.file, mtime=0) if target.suffix == ".gz" else new.file
        yield Sink(path, cast(IO[bytes], packed))
        with named(path):
            if packed is not new.file:
                packed.close()
            new.appear()
    except BaseException:
        new.drop()
        raise
