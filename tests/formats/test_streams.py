"""Streams: files appear whole or not at all, and every failure has its sentence."""

import errno
import gzip
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rearank_cli.errors import DataError, MissingInput, OutputError
from rearank_cli.formats import streams
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


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LONGEST", 1 << 20)
    path = tmp_path / "in.gz"
    path.write_bytes(gzip.compress(b"x" * ((1 << 20) - 1) + b"\n" + b"y" * (2 << 20)))
    with open_source(str(path)) as source, pytest.raises(DataError, match=r"in\.gz:2: .* 1 MiB, found more"):
        assert [len(line) for line in source.raw_lines()] == []
    with open_source(str(path)) as source:
        blocks = source.raw_blocks(10)
        assert len(next(blocks)) == 1 << 20
        with pytest.raises(DataError, match="1 MiB, found more"):
            next(blocks)


@pytest.mark.parametrize("text", [b"q1 Q0 d1 1 1 t\n", b"\n"])
def test_gzip_that_unpacks_beyond_all_measure_is_refused_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    monkeypatch.setattr(streams, "FREE", 1 << 16)
    path = tmp_path / "in.gz"
    path.write_bytes(gzip.compress(text * 1_000_000))
    read = 0
    with open_source(str(path)) as source, pytest.raises(DataError, match="more than 100 times"):
        for line in source.raw_lines():
            read += len(line)
    assert read < 200 * path.stat().st_size
    with open_source(str(path)) as source, pytest.raises(DataError, match="more than 100 times"):
        list(source.raw_blocks(1 << 12))
    monkeypatch.setattr(streams, "MOST_FOLD", 1100)
    with open_source(str(path)) as source:
        assert sum(map(len, source.raw_blocks(1 << 12))) == len(text) * 1_000_000


@pytest.mark.parametrize(
    "data",
    [
        b"\x1f\x8b",
        b"\x1f\x8bno gzip at all",
        gzip.compress(b'{"a": 1}\n' * 99)[:-9],
        gzip.compress(b"a\n") + b"tail",
    ],
    ids=["two bytes", "another kind", "cut short", "something after it"],
)
def test_damaged_gzip_is_one_sentence_however_it_is_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "in.gz"
    path.write_bytes(data)
    with (
        open_source(str(path)) as source,
        pytest.raises(DataError, match=r"in\.gz: expected whole gzip data"),
    ):
        source.peek()
        list(source.raw_lines())
    with open_source(str(path)) as source, pytest.raises(DataError, match="expected whole gzip data"):
        list(source.raw_blocks(10))


def test_a_device_that_fails_while_it_is_read_is_one_sentence() -> None:
    with pytest.raises(MissingInput, match=r"/mem: cannot be read \("), open_source("/proc/self/mem"):
        pytest.fail("was opened")


def test_a_loop_of_links_and_an_unreadable_file_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(MissingInput, match="cannot be read .*links"), open_source(str(tmp_path / "a")):
        pytest.fail("was opened")
    (tmp_path / "file").touch(mode=0o000)
    if not os.access(tmp_path / "file", os.R_OK):  # root may read everything
        with pytest.raises(MissingInput, match="Permission denied"), open_source(str(tmp_path / "file")):
            pytest.fail("was opened")


def test_a_pipe_is_read_and_written_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        written = pool.submit(_write, pipe, b"one\ntwo\n")
        with open_source(str(pipe)) as source:
            assert list(source.lines()) == [(1, "one"), (2, "two")]
            assert source.share_read() is None
        written.result()
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def _write(path: Path, data: bytes) -> None:
    with open_sink(str(path)) as sink:
        sink.write(data)


def test_a_device_is_written_and_stays_what_it_is(tmp_path: Path) -> None:
    null = tmp_path / "null"
    null.symlink_to("/dev/null")
    with open_sink(str(null)) as sink:
        sink.write(b"data")
    assert stat.S_ISCHR(null.stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["null"]


def test_what_a_link_points_to_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    link = tmp_path / "run.trec"
    link.symlink_to("runs/of-today.trec")
    _write(link, b"data")
    assert link.is_symlink()
    assert (tmp_path / "runs" / "of-today.trec").read_bytes() == b"data"


HALF = """
import os, signal, sys
from rearank_cli.formats.streams import open_sink
with open_sink(sys.argv[1]) as sink:
    sink.write(b"half" * 100_000)
    sink.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file has a name from the beginning")
@pytest.mark.parametrize("name", ["run.trec", "new.trec", "run.gz", "link"])
def test_a_process_that_is_killed_leaves_the_folder_as_it_was(tmp_path: Path, name: str) -> None:
    (tmp_path / "run.trec").write_text("old", encoding="utf-8")
    (tmp_path / "link").symlink_to("run.trec")
    before = sorted(path.name for path in tmp_path.iterdir())
    done = subprocess.run([sys.executable, "-c", HALF, str(tmp_path / name)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "run.trec").read_text(encoding="utf-8") == "old"


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to a whole file: without a name till then, and on a file system that knows no such files."""
    if request.param == "named":
        open_ = os.open

        def refusing(path: str, flags: int, *args: int) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, "Operation not supported")
            return open_(path, flags, *args)

        monkeypatch.setattr(os, "open", refusing)
    return str(request.param)


@pytest.mark.skipif(sys.platform != "linux", reason="knows one way only")
def test_either_way_a_file_is_whole_and_nothing_else_is_left(tmp_path: Path, way: str) -> None:
    old, new = tmp_path / "old", tmp_path / ("n" * 250)
    mask = os.umask(0o027)
    os.umask(mask)
    old.write_text("before", encoding="utf-8")
    for target in (old, new):
        with open_sink(str(target)) as sink:
            sink.write(b"data")
            sink.flush()
            hidden = {path.name for path in tmp_path.iterdir()} - {old.name, new.name}
            assert len(hidden) == (way == "named")
        assert target.read_bytes() == b"data"
        assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask
        with pytest.raises(KeyError), open_sink(str(target)) as sink:
            sink.write(b"half")
            raise KeyError
        assert target.read_bytes() == b"data"
    assert {path.name for path in tmp_path.iterdir()} == {old.name, new.name}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file has a name from the beginning")
def test_a_target_that_came_meanwhile_is_replaced(tmp_path: Path) -> None:
    with open_sink(str(tmp_path / "run")) as sink:
        sink.write(b"ours")
        (tmp_path / "run").write_bytes(b"another's")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"ours"]


@pytest.mark.parametrize("name", ["folder", "folder/", "new/", ".", "no/run", "n" * 256])
def test_outputs_that_cannot_be_are_refused_when_they_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError), open_sink(name):
        pytest.fail("was opened")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
