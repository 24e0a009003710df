"""What is said on stderr, where stderr itself fails."""

import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from rearank_cli import console
from rearank_cli.console import LogFormat, complain, configure, note, progress
from tests.conftest import Run

LINE = json.dumps(
    {"query": {"qid": "1", "text": "q"}, "candidates": [{"docid": d, "doc": f"text {d}"} for d in "ab"]}
)
RECORDED = json.dumps({"qid": "1", "docids": ["a", "b"], "completion": "<answer>[2] > [1]</answer>"})


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-"], ids=["full disk", "closed"])
def test_a_log_that_cannot_be_written_changes_neither_run_nor_status(
    shell: Run, tmp_path: Path, stderr: str
) -> None:
    (tmp_path / "in.jsonl").write_text(LINE, encoding="utf-8")
    (tmp_path / "answers.jsonl").write_text(RECORDED, encoding="utf-8")
    done = shell(f"rearank rerank in.jsonl --replay answers.jsonl --tag t {stderr}", cwd=tmp_path)
    assert done.stdout == "1 Q0 b 1 2 t\n1 Q0 a 2 1 t\n"
    shell(f"rearank rerank in.jsonl --replay nowhere.jsonl {stderr}", cwd=tmp_path, status=66)


@pytest.fixture
def _as_before() -> Iterator[None]:
    yield
    configure()


@pytest.mark.usefixtures("_as_before")
def test_quiet_leaves_complaints_and_json_is_a_line_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    configure(quiet=True)
    note("all is well")
    complain("nothing is")
    assert capsys.readouterr().err == "rearank: nothing is\n"
    configure(log_format=LogFormat.JSON)
    note("caf\xe9")
    row = json.loads(capsys.readouterr().err)
    assert (row["level"], row["message"]) == ("info", "caf\xe9")
    assert row["time"].endswith("+00:00")


def test_progress_in_a_log_is_a_line_a_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 59.0, 60.0, 60.0, 61.0])
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with progress() as show:
        for text in ("too soon", "a minute", "too soon again"):
            show(text)
    assert capsys.readouterr().err == "rearank: a minute\n"


class Terminal(io.StringIO):
    """A terminal that tells when a text has been drawn on it."""

    def __init__(self, *awaited: str) -> None:
        super().__init__()
        self.drawn = {text: threading.Event() for text in awaited}

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for awaited, drawn in self.drawn.items():
            if awaited in text:
                drawn.set()
        return super().write(text)


def test_progress_on_a_terminal_is_shown_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal("one query done", "two queries done")
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress() as show:
        for text, drawn in terminal.drawn.items():
            show(text)
            assert drawn.wait(10), f"{text!r} is not drawn"
    assert "rearank:" not in terminal.getvalue()  # no lines of a log


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b]0;title\x07b", r"a\x1b]0;title\x07b"),
        ("\x9b31m red", r"\x9b31m red"),
        ("run\u202ecert.trec", r"run\u202ecert.trec"),
        ("two\nlines\r\t", r"two\nlines\r\t"),
        ("\u2066\u200b\U000e0041\u2028", r"\u2066\u200b\U000e0041\u2028"),
        ("\x7f\udcff", r"\x7f\udcff"),
        ("caf\xe9 \u03b1 \u6f22\u5b57 \xa0", "caf\xe9 \u03b1 \u6f22\u5b57 \xa0"),
    ],
)
@pytest.mark.usefixtures("_as_before")
def test_what_a_terminal_would_obey_is_shown_instead(
    capsys: pytest.CaptureFixture[str], text: str, shown: str
) -> None:
    complain(text)
    assert capsys.readouterr().err == f"rearank: {shown}\n"
    configure(log_format=LogFormat.JSON)
    note(text)
    line = capsys.readouterr().err
    assert json.loads(line)["message"] == text
    assert line[:-1].isprintable() or "\xa0" in text


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.usefixtures("_as_before")
def test_a_password_and_a_key_in_an_address_are_not_said(
    capsys: pytest.CaptureFixture[str], log_format: LogFormat
) -> None:
    configure(log_format=log_format)
    complain("http://me:secret@host/v1?key=secret: refused")
    assert "secret" not in capsys.readouterr().err


def test_progress_on_a_terminal_shows_no_control_characters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress() as show:
        show("indexing a\x1b]0;x\x07[red]b")
    said = capsys.readouterr().err
    assert r"indexing a\x1b]0;x\x07[red]b" in said
    assert "\x1b]0;" not in said


ESCAPED = {"docid": "a\x1b]0;x\x07", "score": 2.0, "doc": {"text": "\x9b31m \u202eabc"}}


def test_on_a_terminal_stdout_shows_what_is_data_elsewhere(shell: Run, tmp_path: Path) -> None:
    """`script` gives the command a terminal as its stdout."""
    row = {"query": {"qid": "q\x1b[2J", "text": "q"}, "candidates": [ESCAPED]}
    (tmp_path / "in.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (tmp_path / "qrels").write_text("q\x1b[2J 0 a\x1b]0;x\x07 1\n", encoding="utf-8")
    for command in (
        "rearank rerank in.jsonl --replay /dev/null --quiet --tag t",
        "rearank evaluate in.jsonl --qrels qrels --per-query",
        "PAGER=cat TERM=xterm rearank evaluate in.jsonl --qrels qrels --show $'q\\x1b[2J'",
        "rearank evaluate in.jsonl --show $'\\x1b[2J'",
        "rearank rerank in.jsonl $'\\x1b[2J'",
    ):
        done = shell('script -qc "$COMMAND" /dev/null; true', cwd=tmp_path, COMMAND=command)
        assert not any(sign in done.stdout for sign in ("\x1b]", "\x1b[2J", "\x9b", "\u202e", "\x07")), (
            command
        )
        assert r"\x1b" in done.stdout, command
    piped = shell("rearank evaluate in.jsonl --qrels qrels --per-query", cwd=tmp_path)
    assert "q\x1b[2J" in piped.stdout


def test_a_message_of_any_length_is_shown_by_its_ends(capsys: pytest.CaptureFixture[str]) -> None:
    console.complain("a" * 2_000_000 + "end")
    said = capsys.readouterr().err
    assert said.startswith("rearank: aaa")
    assert said.endswith("aend\n")
    assert len(said) < 5000
