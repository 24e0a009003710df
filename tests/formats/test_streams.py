"""Streams: files appear whole or not at all, and every failure has its sentence."""

import gzip
import os
import stat
from pathlib import Path

import pytest

from rearank_cli.errors import MissingInput, OutputError
from rearank_cli.formats.streams import open_sink, open_source


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "run.trec"
    target.write_text("old", encoding="utf-8")
    with open_sink(str(target)) as sink:
        sink.write(b"new")
        sink.flush()
        assert target.read_text(encoding="utf-8") == "old"
    assert target.read_text(encoding="utf-8") == "new"
    assert stat.S_IMODE(target.stat().st_mode) & 0o044 == 0o044 & ~os.umask(os.umask(0))


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "run.trec"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(KeyError), open_sink(str(target)) as sink:
        sink.write(b"half")
        raise KeyError
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_gzip_is_written_by_name_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        with open_sink(str(tmp_path / name)) as sink:
            sink.write(b"data\n")
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b"data\n"
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_outputs_that_cannot_be_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"), open_sink(str(tmp_path / "no" / "run.trec")):
        pytest.fail("was opened")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="folder"), open_sink(str(tmp_path / "folder")) as sink:
        sink.write(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_inputs_that_are_not_there_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="No such file"), open_source(str(tmp_path / "no")):
        pytest.fail("was opened")
    with pytest.raises(MissingInput, match="found a folder"), open_source(str(tmp_path)):
        pytest.fail("was opened")
