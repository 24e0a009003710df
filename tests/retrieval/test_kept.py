"""Folders that are made once: two makers at a time, and a maker that fails."""

from pathlib import Path

import pytest

from rearank_cli.errors import DataError, OutputError
from rearank_cli.retrieval import kept

MADE: kept.Made = {"content": "digest", "k1": 0.9}


def test_the_faster_of_two_makers_wins_and_the_other_does_not_mind(tmp_path: Path) -> None:
    place = tmp_path / "index"

    def fast(folder: Path) -> None:
        (folder / "by").write_text("fast")

    def slow(folder: Path) -> None:
        kept.make(place, MADE, fast)  # another process, while this one was at work
        (folder / "by").write_text("slow")

    kept.make(place, MADE, slow)
    assert (place / "by").read_text() == "fast"
    assert [file.name for file in tmp_path.iterdir()] == ["index"]
    kept.check(place, MADE)


def test_what_stands_in_the_way_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "precious").touch()
    with pytest.raises(OutputError, match="the index cannot be written"):
        kept.make(tmp_path / "index", MADE, lambda _: None)
    assert [file.name for file in (tmp_path / "index").iterdir()] == ["precious"]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="index: the index cannot be written .No space left on device"):
        kept.make(tmp_path / "index", MADE, full)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_manifest_is_said(tmp_path: Path) -> None:
    kept.make(tmp_path / "index", MADE, lambda _: None)
    (tmp_path / "index" / kept.MANIFEST).write_bytes(b"{")
    with pytest.raises(DataError, match="the index is damaged"):
        kept.check(tmp_path / "index", MADE)
