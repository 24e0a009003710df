"""Recorded completions as an engine: a run again, without its model."""

from rearank_cli.console import note
from rearank_cli.errors import DataError, MissingInput
from rearank_cli.formats.trace import Row, TraceIndex, agree, completion_of, digest
from rearank_cli.records import Completion, Prompt


class ReplayEngine:
    """Answer each window with what was recorded for its query and its documents as presented.

    Recordings of one window are taken in their order; the last one repeats. Of a trace that holds answers under
    several settings, those that agree with the last ones of the chosen model count.
    """

    capacity = 256

    def __init__(self, path: str, *, model: str | None = None) -> None:
        """Index a recording; `model` chooses among the models of a trace.

        Raises:
            MissingInput: there is no such file.
            DataError: it does not parse, or it holds the answers of several models and none of them is chosen.
        """
        self._path = path
        self._settings: list[Row] = [{}]  # what was asked under; 0 is for lines without a header
        self._used: dict[int, None] = {}  # places in `_settings`, in the order of their last line
        self._index = TraceIndex(path, self._key)
        try:
            self._chosen = self._choose(model)
        except DataError:
            self._index.close()
            raise
        self._taken: dict[tuple[str, tuple[str, ...]], int] = {}  # only of windows with several recordings
        self._done: list[tuple[int, Completion]] = []

    def _key(self, row: Row, header: Row) -> int:
        asked = header.get("asked", {})
        if asked not in self._settings:
            self._settings.append(asked)
        number = self._settings.index(asked)
        if next(reversed(self._used), None) != number:
            self._used.pop(number, None)
            self._used[number] = None
        return digest(str(number), str(row["qid"]), *map(str, row["docids"]))

    def _choose(self, model: str | None) -> list[int]:
        """Return the settings whose answers are replayed."""
        asked = {number: self._settings[number] for number in self._used if self._settings[number]}
        models = list(dict.fromkeys(str(each.get("model")) for each in asked.values()))
        if model in models:
            asked = {number: each for number, each in asked.items() if str(each.get("model")) == model}
        elif len(models) > 1:
            raise DataError(
                f"{self._path}: holds the answers of {len(models)} models ({', '.join(models)}); "
                "choose one of them with --model"
            )
        elif models and model is not None:
            note(f"{self._path}: holds the answers of {models[0]}; they are replayed, whatever --model says")
        if not asked:
            return [0]
        last = self._settings[next(reversed(asked))]
        chosen = [number for number, each in asked.items() if agree(each, last)]
        if len(chosen) < len(asked):
            note(f"{self._path}: holds answers under several settings; those of the last are replayed")
        return chosen

    def submit(self, key: int, prompt: Prompt) -> None:
        """Look up the recording of a window. Raises MissingInput if there is none."""
        keys = [digest(str(number), prompt.qid, *prompt.docids) for number in self._chosen]
        offsets = sorted(offset for each in keys for offset in self._index.rows(each))
        rows = [self._index.read(offset) for offset in offsets]
        rows = [
            row for row in rows if row.get("finish") not in ("error", "refused")
        ] or rows  # asked again since
        if not rows:
            raise MissingInput(
                f"{self._path}: holds no answer for query {prompt.qid!r} with the {len(prompt.docids)} documents "
                f"{prompt.docids[0]} ... {prompt.docids[-1]}; were the candidates, the window and the step the same?"
            )
        taken = 0
        if len(rows) > 1:
            window = (prompt.qid, prompt.docids)
            taken = self._taken.get(window, 0)
            self._taken[window] = taken + 1
        self._done.append((key, completion_of(rows[min(taken, len(rows) - 1)])))

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """Return the recordings looked up since the last call; nothing is ever waited for."""
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """Close the recording."""
        self._index.close()
