"""Folders that are made once: two makers at a time, and a maker that fails."""

import os
import pickle
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rearank_cli.datasets.collections import file_corpus
from rearank_cli.errors import DataError, OutputError
from rearank_cli.retrieval import embedded, kept
from tests.conftest import Run

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


KILLED = """
import os, signal, sys
from pathlib import Path
from rearank_cli.retrieval import kept
def build(folder):
    (folder / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
kept.make(Path(sys.argv[1]), {"content": "digest"}, build)
"""


def test_what_a_killed_maker_left_is_removed_by_the_next(tmp_path: Path) -> None:
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "index")], check=False)
        assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".index.")
    kept.make(tmp_path / "index", MADE, lambda _: None)
    assert [place.name for place in tmp_path.iterdir()] == ["index"]


def test_a_maker_at_work_is_left_in_peace(tmp_path: Path) -> None:
    place = tmp_path / "index"

    def slow(folder: Path) -> None:
        (folder / "half").touch()
        kept.make(place, MADE, lambda _: None)  # another one, meanwhile
        assert (folder / "half").exists()

    kept.make(place, MADE, slow)
    assert [file.name for file in tmp_path.iterdir()] == ["index"]


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache, with the index of docs.tsv, made by a user whose group may write what is made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "docs.tsv").write_text("a\tfleas jump\n")
    mask = os.umask(0o002)
    found(tmp_path)
    os.umask(mask)
    return tmp_path / "cache" / "rearank"


def found(folder: Path) -> list[str]:
    retriever = embedded.retriever(file_corpus(str(folder / "docs.tsv")), "", k1=0.9, b=0.4)
    return [hit.docid for hit in retriever.search("fleas", 10)]


def test_the_cache_is_its_user_s_alone_whatever_the_umask(
    cached: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place,) = (cached / "indexes").iterdir()
    for each in (cached, cached / "indexes", place, *place.iterdir()):
        assert not each.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH), each
    poison(place)
    assert found(tmp_path) == ["poison"]  # it is read, then
    assert capsys.readouterr().err == ""


def poison(place: Path) -> None:
    texts = place / "documents.jsonl"
    texts.write_bytes(texts.read_bytes().replace(b'"a"', b'"poison"'))
    (place / "documents.starts").write_bytes(
        b"".join(n.to_bytes(8, "little") for n in (0, texts.stat().st_size))
    )


@pytest.mark.parametrize("mode", [0o020, 0o002])
@pytest.mark.parametrize("which", ["", "indexes", "indexes/*", "indexes/*/places.npy"])
def test_an_index_that_others_may_write_is_not_used(
    cached: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int, which: str
) -> None:
    place = next(cached.glob(which)) if which else cached
    poison(next((cached / "indexes").iterdir()))
    place.chmod(place.stat().st_mode | mode)
    assert found(tmp_path) == ["a"]
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"rearank: {place}: others may write there")
    assert "chmod -R go-w" in sentence
    assert "--index FOLDER" in sentence


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_index_of_another_user_is_not_used(cached: Path, tmp_path: Path) -> None:
    (place,) = (cached / "indexes").iterdir()
    poison(place)
    os.chown(place / "places.npy", 12345, -1)
    assert found(tmp_path) == ["a"]


class Bomb:
    """What leaves a mark if it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("data", ["pickle", "zeros", "list", "object", "short", "long"])
def test_foreign_files_in_an_index_are_one_sentence_and_run_nothing(
    rearank: Run, cached: Path, tmp_path: Path, data: str
) -> None:
    mark = tmp_path / "mark"
    (place,) = (cached / "indexes").iterdir()
    for file in place.iterdir():
        before = file.read_bytes()
        file.write_bytes(
            {"pickle": pickle.dumps(Bomb(mark)), "zeros": bytes(len(before)), "list": b"[1]", "object": b'{"a": []}',
             "short": before[: len(before) // 2], "long": before + before}[data]
        )  # fmt: skip
        try:
            named = embedded.stored(str(place))
            named.search("fleas", 10)
        except DataError as error:
            assert "the index is damaged" in str(error)  # noqa: PT017 - some files may be longer than they need
        assert not mark.exists()
        file.write_bytes(before)
    (place / "places.npy").write_bytes(pickle.dumps(Bomb(mark)))
    done = rearank("retrieve", "--corpus", str(tmp_path / "docs.tsv"), stdin="fleas", status=65)
    assert "the index is damaged" in done.stderr
    assert not mark.exists()
