"""Which files are one: by what they are, not by their names."""

import os
from pathlib import Path

import pytest

from rearank_cli.errors import UsageError
from rearank_cli.formats import overlaps
from rearank_cli.formats.overlaps import check_overlaps


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("data")
    Path("folder").mkdir()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("file", "./file"),
        ("file", "folder/../file"),
        ("new", "folder/../new"),
        ("folder/new", "link/new"),
        ("file", "to-file"),
        ("new", "to-new"),
        ("file", "hard"),
    ],
)
def test_names_of_one_file(one: str, other: str) -> None:
    Path("link").symlink_to("folder")
    Path("to-file").symlink_to("file")
    Path("to-new").symlink_to("new")
    Path("hard").hardlink_to("file")
    with pytest.raises(UsageError, match=f"{one}: --a and --b are one file, .*; choose another --b"):
        check_overlaps(read=[("--a", one)], written=[("--b", other)])
    with pytest.raises(UsageError, match="choose another --b"):
        check_overlaps(read=[], written=[("--a", other), ("--b", one)])
    check_overlaps(read=[("--a", one), ("--b", other)], written=[])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("file", "File"),
        ("new", "New"),
        ("file", "folder/file"),
        ("nowhere/a", "nowhere/a"),
        ("/dev/null", "/dev/null"),
        ("folder", "folder"),
        ("", ""),
        ("pipe", "pipe"),
    ],
)
def test_what_is_not_one_file_or_cannot_be_overwritten(one: str, other: str) -> None:
    os.mkfifo("pipe")
    check_overlaps(read=[("--a", one)], written=[("--b", other), ("--c", None)])


def test_new_names_that_differ_in_case_are_one_where_the_file_system_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overlaps, "_folds_case", lambda _: True)
    with pytest.raises(UsageError, match="are one file"):
        check_overlaps(read=[], written=[("--trace", "Night"), ("-o", "night")])


def test_a_file_system_is_asked_by_the_names_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "Runs").mkdir()
    assert not overlaps._folds_case(tmp_path / "Runs")
    (tmp_path / "rUNS").symlink_to("Runs")  # what a file system that folds case looks like
    assert overlaps._folds_case(tmp_path / "Runs")
