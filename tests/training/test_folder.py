"""The output folder: never two runs in one, torn checkpoints passed over and named, journals cut to size."""

from pathlib import Path

import pytest

from rearank_cli.errors import DataError, OutputError, UsageError
from rearank_cli.training.folder import (
    METRICS,
    Run,
    append_row,
    keep_rows_to,
    mark_whole,
    newest_whole,
    open_folder,
    publish,
    read_rows,
    take_place,
)
from rearank_cli.training.recipe import Recipe

RUN = Run("m", "hash")


def checkpoint(folder: Path, step: int, *, whole: bool = True) -> Path:
    place = folder / "checkpoints" / f"checkpoint-{step}"
    place.mkdir(parents=True)
    (place / "model.safetensors").write_bytes(b"weights")
    if whole:
        mark_whole(place)
    return place


def test_a_run_is_gone_on_with_only_when_asked(tmp_path: Path) -> None:
    open_folder(tmp_path / "out", Recipe(), RUN, resume=False)
    with pytest.raises(UsageError, match="holds a run already; go on with it by --resume"):
        open_folder(tmp_path / "out", Recipe(), RUN, resume=False)
    open_folder(tmp_path / "out", Recipe(), RUN, resume=True)


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("dear")
    with pytest.raises(UsageError, match="expected an empty folder"):
        open_folder(tmp_path, Recipe(), RUN, resume=False)
    with pytest.raises(OutputError, match="cannot be made"):
        open_folder(tmp_path / "thesis.tex", Recipe(), RUN, resume=False)


def test_a_changed_recipe_or_data_is_refused_by_name(tmp_path: Path) -> None:
    open_folder(tmp_path / "out", Recipe(), Run("m", "hash"), resume=False)
    with pytest.raises(UsageError, match="these differ: kl, seed, lists;"):
        open_folder(tmp_path / "out", Recipe(kl=0.5, seed=3), Run("m", "other"), resume=True)


def test_the_newest_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    checkpoint(tmp_path, 90)
    newest = checkpoint(tmp_path, 100)
    assert newest_whole(tmp_path) == (newest, [])
    assert newest_whole(tmp_path / "nowhere") == (None, [])


def test_torn_checkpoints_are_passed_over_and_named(tmp_path: Path) -> None:
    old = checkpoint(tmp_path, 80)
    checkpoint(tmp_path, 100, whole=False)
    cut = checkpoint(tmp_path, 90)
    (cut / "model.safetensors").write_bytes(b"wei")
    found, torn = newest_whole(tmp_path)
    assert found == old
    assert torn == [
        "checkpoint-100 is torn (it was not finished) and passed over",
        "checkpoint-90 is torn (model.safetensors is not as it was written) and passed over",
    ]


def test_a_checkpoint_without_one_of_its_files_is_torn(tmp_path: Path) -> None:
    (checkpoint(tmp_path, 1) / "model.safetensors").unlink()
    assert newest_whole(tmp_path)[0] is None


def test_rows_after_the_checkpoint_are_dropped_and_a_torn_last_line_is_no_row(tmp_path: Path) -> None:
    place = tmp_path / METRICS
    for step in (1, 2, 3):
        append_row(place, {"step": step})
    with place.open("ab") as file:
        file.write(b'{"step": 4')
    assert keep_rows_to(place, 2) == [{"step": 1}, {"step": 2}] == read_rows(place)
    place.write_bytes(b"{\n{}\n")
    with pytest.raises(DataError, match="metrics.jsonl:1: expected a JSON object"):
        read_rows(place)


def test_a_model_takes_its_place_whole(tmp_path: Path) -> None:
    for name in ("best", "best.writing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rearank.json").write_text(name)
    take_place(tmp_path / "best.writing", tmp_path / "best")
    publish(tmp_path / "best", tmp_path)
    assert (tmp_path / "rearank.json").read_text() == "best.writing"
    assert not (tmp_path / "best").exists()
    assert (tmp_path / "rearank.json").stat().st_mode & 0o777 == 0o644
