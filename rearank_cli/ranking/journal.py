"""The trace as a journal: what was answered is on disk before it counts, and is never asked again."""

import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from rearank_cli import __version__
from rearank_cli.console import note
from rearank_cli.errors import DataError, OutputError, RearankError, TryLater
from rearank_cli.formats.trace import Answer, Row, TraceIndex, completion_of, digest
from rearank_cli.records import Completion, Prompt

_SYNC_SECONDS = 1.0
_BEGINNING = b'{"rearank":'


class Journal:
    """An append-only trace, held by one process at a time, that remembers earlier answers.

    `asked` says what answers depend on besides the prompt: model, engine, sampling. Answers under another
    `asked` stay in the file and are not used.
    """

    def __init__(self, path: str, asked: Row) -> None:
        """Open or begin a trace, cut off a torn last line, index what it holds, and append a header.

        Raises:
            OutputError: the file cannot be opened or written.
            TryLater: another process holds it.
            DataError: the file is not a trace.
        """
        self._path = path
        try:
            _refuse_device(path)
            self._file: BinaryIO = Path(path).open("a+b", buffering=0)  # noqa: SIM115 - held until close()
        except OSError as error:
            raise OutputError(f"{path}: the trace cannot be opened ({error.strerror})") from error
        self._asked = asked
        self._scope = _scope(asked)
        try:
            self._lock()
            self._mend()
            self._index = TraceIndex(path, _key)
        except RearankError:
            self._file.close()
            raise
        self._compare(self._index.header.get("asked"))
        self._synced = time.monotonic()
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self._append({"rearank": __version__, "started": started, "pid": os.getpid(), "asked": asked})

    def recall(self, prompt: Prompt) -> Completion | None:
        """Return the last answer to this prompt and sample under the same `asked`, or None.

        A window whose request failed has no answer.
        """
        offsets = self._index.rows(digest(self._scope, prompt.qid, prompt.digest, str(prompt.sample)))
        return completion_of(self._index.read(offsets[-1])) if offsets else None

    def record(self, answer: Answer) -> None:
        """Append one finished window. Raises OutputError where the disk is full."""
        self._append(answer.row())

    def close(self) -> None:
        """Sync and let go of the file."""
        self._sync()
        self._index.close()
        self._file.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            held = TraceIndex(self._path, lambda _row, _header: None)
            held.close()
            holder = held.header.get("pid")
            raise TryLater(
                f"{self._path}: process {holder} is working on this trace; try again later"
            ) from error

    def _mend(self) -> None:
        with Path(self._path).open("rb") as file:
            start = file.read(len(_BEGINNING))
        if not _BEGINNING.startswith(start):
            raise DataError(
                f"{self._path}: expected a trace, found another file, which is left as it is; name a new one"
            )
        size = whole = 0
        with Path(self._path).open("rb") as file:
            for line in file:
                size += len(line)
                if line.endswith(b"\n"):
                    whole = size
        if whole < size:
            note(f"{self._path}: cut off a torn last line of {size - whole} bytes; its window is asked again")
            self._file.truncate(whole)

    def _compare(self, before: Row | None) -> None:
        if before is None or before == self._asked:
            return
        names = [name for name in {**before, **self._asked} if before.get(name) != self._asked.get(name)]
        differing = ", ".join(
            f"{name} ({before.get(name)} before, {self._asked.get(name)} now)" for name in names
        )
        note(
            f"{self._path}: was begun with another {differing}; those windows are asked anew, nothing is lost"
        )

    def _append(self, row: Row) -> None:
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        try:
            while line:  # a disk that is nearly full takes a part, and says nothing till the next write
                line = line[self._file.write(line) :]
            if time.monotonic() - self._synced >= _SYNC_SECONDS:
                self._sync()
        except OSError as error:
            raise OutputError(
                f"{self._path}: the trace cannot be written ({error.strerror}); what it holds is kept, "
                "and the same command goes on from there"
            ) from error

    def _sync(self) -> None:
        os.fsync(self._file)
        self._synced = time.monotonic()


def _refuse_device(path: str) -> None:
    """Refuse what has no end to read to. Raises OutputError."""
    if Path(path).exists() and not Path(path).is_file():
        raise OutputError(f"{path}: expected a file for the trace, found a folder, pipe or device")


def _scope(asked: Row) -> str:
    return orjson.dumps(asked, option=orjson.OPT_SORT_KEYS).decode()


def _key(row: Row, header: Row) -> int | None:
    if row.get("finish") == "error":
        return None
    return digest(
        _scope(header.get("asked", {})), str(row["qid"]), str(row.get("prompt")), str(row.get("sample", 0))
    )
