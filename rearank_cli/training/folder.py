"""The output folder: recipe, checkpoints, the best model so far, and the finished model at its top.

FOLDER/recipe.toml, run.json   what was asked; --resume refuses another
FOLDER/checkpoints/            to go on from; one is whole once it holds whole.json
FOLDER/best/                   the best model on held-out lists, or the last one without any
FOLDER/metrics.jsonl, samples.jsonl, curves.png
FOLDER/*                       at the end: the model, with rearank.json and prompt.toml
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from rearank_cli.errors import DataError, OutputError, UsageError
from rearank_cli.formats.streams import open_sink
from rearank_cli.places import writable
from rearank_cli.training.recipe import Recipe, changed_keys, load_recipe, to_toml

WHOLE = "whole.json"
RECIPE = "recipe.toml"
RUN = "run.json"
METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"
CURVES = "curves.png"
WRITTEN = (RUN, METRICS, SAMPLES, CURVES)
"""What a run writes that it goes on with; the recipe of an earlier run is only read."""
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Run:
    """What, beside the recipe, must be the same for a run to be resumed: model, and hashes of the lists."""

    model: str
    lists: str
    eval_lists: str = ""


def check_folder(folder: Path, *, resume: bool) -> None:
    """Refuse, before anything is loaded, a folder that this run may not fill.

    Raises:
        OutputError: it cannot be made or written.
        UsageError: it holds a run already, or other files, or (resuming) a finished run.
    """
    if not writable(folder):
        raise OutputError(f"{folder}: the folder cannot be made or written; name another one")
    if not folder.exists():
        return
    begun = (folder / RUN).exists()
    if begun and not resume:
        raise UsageError(f"{folder}: holds a run already; go on with it by --resume, or name another folder")
    if not begun and any(folder.iterdir()):
        raise UsageError(f"{folder}: expected an empty folder or one of an earlier run, found other files")
    if begun and (folder / "rearank.json").exists():
        raise UsageError(f"{folder}: this run is finished, and nothing is left to go on with")


def open_folder(folder: Path, recipe: Recipe, run: Run, *, resume: bool) -> None:
    """Make the folder of a new run, or check that an old one may be gone on with.

    Raises:
        OutputError: the folder cannot be made.
        UsageError: as `check_folder`, or (resuming) it holds one of another recipe, model or data.
    """
    check_folder(folder, resume=resume)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror})") from error
    if (folder / RUN).exists():
        _refuse_changes(folder, recipe, run)
        return
    _write(folder / RECIPE, to_toml(recipe).encode())
    _write(folder / RUN, orjson.dumps(run, option=orjson.OPT_INDENT_2))


def _refuse_changes(folder: Path, recipe: Recipe, run: Run) -> None:
    before = load_recipe(str(folder / RECIPE))
    changed = changed_keys(before, recipe)
    values = orjson.loads((folder / RUN).read_bytes())
    old = Run(values["model"], values["lists"], values["eval_lists"])
    changed += [
        name
        for name, one, other in (
            ("model", old.model, run.model),
            ("lists", old.lists, run.lists),
            ("eval lists", old.eval_lists, run.eval_lists),
        )
        if one != other
    ]
    if changed:
        raise UsageError(
            f"{folder}: --resume goes on with the same recipe and data, but these differ: {', '.join(changed)}; "
            "leave them as they were, or start in another folder"
        )


def cut_journals(folder: Path, step: int) -> None:
    """Drop what the journals say of steps after this one, which are made again."""
    for name in (METRICS, SAMPLES):
        keep_rows_to(folder / name, step)


def _write(place: Path, data: bytes) -> None:
    with open_sink(str(place)) as sink:
        sink.write(data)


def mark_whole(checkpoint: Path) -> None:
    """Write, last of all, the sizes of a checkpoint's files: what makes it whole."""
    sizes = {str(path.relative_to(checkpoint)): path.stat().st_size for path in _files(checkpoint)}
    _write(checkpoint / WHOLE, orjson.dumps(sizes))


def _files(checkpoint: Path) -> Iterator[Path]:
    return (path for path in checkpoint.rglob("*") if path.is_file() and path.name != WHOLE)


def newest_whole(folder: Path) -> tuple[Path | None, list[str]]:
    """Return the newest whole checkpoint, and a sentence on each newer one that is passed over."""
    torn: list[str] = []
    found = [path for path in (folder / "checkpoints").glob("checkpoint-*") if path.name[11:].isdigit()]
    for path in sorted(found, key=lambda path: int(path.name[11:]), reverse=True):
        lost = _lost(path)
        if lost is None:
            return path, torn
        torn.append(f"{path.name} is torn ({lost}) and passed over")
    return None, torn


def _lost(checkpoint: Path) -> str | None:
    """Return what a checkpoint lacks, or None where it is whole."""
    try:
        sizes = orjson.loads((checkpoint / WHOLE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return "it was not finished"
    for name, size in sizes.items():
        path = checkpoint / name
        if not path.is_file() or path.stat().st_size != size:
            return f"{name} is not as it was written"
    return None


def read_rows(place: Path) -> list[Row]:
    """Return the rows of a JSONL file of ours; a last line cut short by a kill is left out, a missing file empty.

    Raises:
        DataError: a line before the last does not parse.
    """
    lines = place.read_bytes().splitlines() if place.exists() else []
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            if number < len(lines):
                raise DataError(f"{place}:{number}: expected a JSON object, found {line[:40]!r}") from error
    return rows


def keep_rows_to(place: Path, step: float) -> list[Row]:
    """Drop the rows after a step, which a resumed run writes again; return those kept."""
    kept = [row for row in read_rows(place) if _step(row) <= step]
    _write(place, b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in kept))
    return kept


def _step(row: Row) -> float:
    step = row.get("step")
    return float(step) if isinstance(step, int | float) else 0.0


def append_row(place: Path, row: Row) -> None:
    """Write one row at the end of a JSONL file.

    Raises:
        OutputError: the disk is full or the like.
    """
    try:
        with place.open("ab") as file:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise OutputError(f"{place}: cannot be written ({error.strerror})") from error


def take_place(beside: Path, place: Path) -> None:
    """Put a finished folder in the place of an older one."""
    shutil.rmtree(place, ignore_errors=True)
    beside.replace(place)


def publish(best: Path, folder: Path) -> None:
    """Move the files of the best model to the top of the folder, `rearank.json` last, with plain permissions."""
    for path in sorted(best.iterdir(), key=lambda path: path.name == "rearank.json"):
        if path.is_file():
            path.chmod(0o644)
            path.replace(folder / path.name)
    shutil.rmtree(best)
