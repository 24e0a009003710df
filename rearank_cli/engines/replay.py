"""Recorded completions as an engine: a run again, without its model."""

from rearank_cli.errors import MissingInput
from rearank_cli.formats.trace import Row, TraceIndex, completion_of, window_digest
from rearank_cli.records import Completion, Prompt


def _key(row: Row, _header: Row) -> int:
    return window_digest(str(row["qid"]), [str(docid) for docid in row["docids"]])


class ReplayEngine:
    """Answer each window with what was recorded for its query and its documents as presented.

    Recordings of one window are taken in their order; the last one repeats.
    """

    capacity = 256

    def __init__(self, path: str) -> None:
        """Index a recording. Raises MissingInput where there is none, DataError where it does not parse."""
        self._path = path
        self._index = TraceIndex(path, _key)
        self._taken: dict[int, int] = {}  # only of windows with several recordings
        self._done: list[tuple[int, Completion]] = []

    def submit(self, key: int, prompt: Prompt) -> None:
        """Look up the recording of a window. Raises MissingInput where there is none."""
        window = window_digest(prompt.qid, prompt.docids)
        rows = [self._index.read(offset) for offset in self._index.rows(window)]
        rows = [row for row in rows if row.get("finish") != "error"] or rows  # a failure that was asked again
        if not rows:
            raise MissingInput(
                f"{self._path}: holds no answer for query {prompt.qid!r} with the {len(prompt.docids)} documents "
                f"{prompt.docids[0]} ... {prompt.docids[-1]}; were the candidates, the window and the step the same?"
            )
        taken = self._taken.get(window, 0)
        row = rows[min(taken, len(rows) - 1)]
        if len(rows) > 1:
            self._taken[window] = taken + 1
        self._done.append((key, completion_of(row)))

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """Return the recordings looked up since the last call; nothing is ever waited for."""
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """Close the recording."""
        self._index.close()
