"""The trace as a journal: what was answered is on disk before it counts, and is never asked again."""

import fcntl
import os
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from rearank_cli import __version__
from rearank_cli.console import note
from rearank_cli.errors import DataError, OutputError, RearankError, TryLater
from rearank_cli.formats.trace import Answer, Row, TraceIndex, agree, completion_of, digest
from rearank_cli.records import Completion, Prompt

_SYNC_SECONDS = 1.0
_BEGINNING = b'{"rearank":'
_QUERIES = 1000  # of a trace, that are remembered to see whether it holds answers to other prompts about them


class Journal:
    """An append-only trace, held by one process at a time, that remembers earlier answers.

    `asked` says what answers depend on besides the prompt: model, weights, engine, sampling. Answers under
    another `asked` stay in the file and are not used; nor are those of a server that has called itself
    otherwise since. What an older version did not record of an answer counts as the same.
    """

    def __init__(self, path: str, asked: Row, *, retry_refused: bool = False) -> None:
        """Open or begin a trace, cut off a torn last line, index what it holds, and append a header.

        With `retry_refused`, prompts that a server refused for good are not remembered.

        Raises:
            OutputError: the file cannot be opened or written.
            TryLater: another process holds it.
            DataError: the file is not a trace.
        """
        self._path = path
        self._retry_refused = retry_refused
        try:
            _refuse_device(path)
            self._file: BinaryIO = Path(path).open("a+b", buffering=0)  # noqa: SIM115 - held until close()
        except OSError as error:
            raise OutputError(f"{path}: the trace cannot be opened ({error.strerror})") from error
        self._asked = asked
        self._keys = _Keys(asked)
        try:
            self._lock()
            self._mend()
            self._index = TraceIndex(path, self._keys)
        except RearankError:
            self._file.close()
            raise
        self._compare(self._index.header.get("asked"))
        self._servers = self._keys.servers
        self._reads_alike = False  # whether a prompt of this run is in the trace, or was said to be missing
        self._said: set[str] = set()
        self._synced = time.monotonic()
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self._append({"rearank": __version__, "started": started, "pid": os.getpid(), "asked": asked})

    def recall(self, prompt: Prompt) -> Completion | None:
        """Return the last answer to this prompt, sample and repeat under the same `asked`, or None.

        A window whose request failed has no answer; one that was refused for good has that as its answer.
        """
        key = _key(prompt.qid, prompt.digest, prompt.sample, prompt.repeat)
        offsets = self._index.rows(key)
        if offsets:
            self._reads_alike = True
        elif not self._reads_alike and prompt.qid in self._keys.qids:
            self._say(
                "its answers are to other prompts about the same queries (another wording, other passages); windows "
                "whose prompt it lacks are asked anew, nothing is lost"
            )
            self._reads_alike = True
        completion = completion_of(self._index.read(offsets[-1])) if offsets else None
        if completion is None or (completion.finish == "refused" and self._retry_refused):
            return None
        if completion.model and completion.model not in self._servers:
            self._say(
                f"answers of {completion.model} are asked anew: {' and '.join(self._servers)} answers now"
            )
            return None
        return completion

    def record(self, answer: Answer) -> None:
        """Append one finished window. Raises OutputError where the disk is full."""
        server = answer.completion.model
        if server and server not in self._servers:
            if self._servers:
                self._say(
                    f"the server answers as {server}, earlier answers came from {' and '.join(self._servers)}; "
                    "the same command asks for those anew"
                )
            self._servers = [*self._servers, server]
        self._append(answer.row())

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            note(f"{self._path}: {sentence}")

    def close(self) -> None:
        """Sync and let go of the file."""
        self._sync()
        self._index.close()
        self._file.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            held = TraceIndex(self._path, lambda _row, _header: None)
            held.close()
            holder = held.header.get("pid")
            raise TryLater(
                f"{self._path}: process {holder} is working on this trace; try again later"
            ) from error
        except OSError as error:
            note(
                f"{self._path}: this file system has no locks ({error.strerror}); make sure that no other process "
                "works on this trace"
            )

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
        if before is None or agree(before, self._asked):
            return
        names = [
            name for name in before.keys() & self._asked.keys() if not agree(before[name], self._asked[name])
        ]
        differing = ", ".join(
            f"{name} ({before[name]} before, {self._asked[name]} now)" for name in sorted(names)
        )
        note(
            f"{self._path}: was begun with another {differing}; answers under that are kept but not used, and what is "
            "missing is asked anew"
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


class _Keys:
    """Gives the key of each line of a trace that may be recalled under `asked`; None leaves a line out.

    `servers` is what the servers of the last start called themselves, `qids` are queries of lines with a key.
    Lines of versions before `repeat` was recorded are numbered in their order.
    """

    def __init__(self, asked: Row) -> None:
        self.servers: list[str] = []
        self.qids: set[str] = set()
        self._asked = asked
        self._header: Row = {}
        self._agrees = self._named = False
        self._repeats: Counter[int] = Counter()

    def __call__(self, row: Row, header: Row) -> int | None:
        if header is not self._header:
            self._header, self._agrees, self._named = (
                header,
                agree(header.get("asked", {}), self._asked),
                False,
            )
        if row.get("finish") == "error" or not self._agrees:
            return None
        if row.get("model"):
            self.servers = [*(self.servers if self._named else []), str(row["model"])]
            self.servers = list(dict.fromkeys(self.servers))
            self._named = True
        qid, prompt, sample = str(row["qid"]), str(row.get("prompt")), row.get("sample", 0)
        if len(self.qids) < _QUERIES:
            self.qids.add(qid)
        repeat = row.get("repeat")
        if repeat is None:
            first = _key(qid, prompt, sample, 0)
            repeat = self._repeats[first]
            self._repeats[first] += 1
        return _key(qid, prompt, sample, repeat)


def _key(qid: str, prompt: str, sample: int, repeat: int) -> int:
    return digest(qid, prompt, str(sample), str(repeat))
