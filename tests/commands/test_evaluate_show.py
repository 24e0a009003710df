"""`rearank evaluate --show QID`: one query before and after, with passages and what the model wrote."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run

WRITTEN = "<think>Hm.</think> [2]" + 40 * " and so on"


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    """Arguments: candidates with texts before, a run after, judgements, a trace."""
    before, after, qrels, trace = (
        tmp_path / name for name in ("bm25.jsonl", "after.trec", "qrels", "trace.jsonl")
    )
    texts = {"b": "Bees\nbuzz. " + 50 * "Hm. ", "a": "Ants [1] walk.", "c": "Cats."}
    hits = [
        {"docid": docid, "score": 1.0, "doc": {"title": "T", "text": text}} for docid, text in texts.items()
    ]
    before.write_text(
        json.dumps({"query": {"qid": "q1", "text": "who\x1b[2J flies"}, "candidates": hits}) + "\n"
    )
    after.write_text("q1 Q0 a 1 3 -:x\nq1 Q0 b 2 2 -:x\nq1 Q0 z 3 1 -:x\n")
    qrels.write_text("q1 0 a 2\nq1 0 b 0\n")
    answer = {"docids": ["b", "a"], "outcome": "repaired", "permutation": [2, 1]}
    rows = [
        {"rearank": "0"},
        {"qid": "q1", "completion": WRITTEN, **answer},
        {"qid": "q2", "completion": "other", **answer},
    ]
    trace.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["evaluate", str(before), str(after), "--qrels", str(qrels), "--trace", str(trace), "--show"]


def test_a_query_before_and_after_with_passages_and_what_was_written(rearank: Run, asked: list[str]) -> None:
    _, before, after, *_ = asked
    lines = rearank(*asked, "q1").stdout.splitlines()
    bees = next(line for line in lines if "Bees buzz." in line)
    assert len(bees) == 110
    assert bees.endswith("…")
    assert lines[5].endswith("T: Ants [1] walk.")
    assert [line.split("T: ")[0].rstrip() for line in lines] == [
        r"query q1: who\x1b[2J flies",
        "",
        f"before: {before}",
        "rank  grade  docid  passage",
        "   1      0  b",
        "   2      2  a",
        "   3      -  c",
        "",
        f"after: {after}",
        "rank  before    move  grade  docid  passage",
        "   1       2    up 1      2  a",
        "   2       1  down 1      0  b",
        "   3       -     new      -  z",
        "   -       3    gone      -  c",
        "",
        "window 1, repaired",
        "     docid  passage",
        "[1]  b",
        "[2]  a",
        "read as [2] > [1]",
        "",
        WRITTEN,
    ]


def test_an_id_does_not_command_the_terminal(rearank: Run, tmp_path: Path) -> None:
    run, qrels = tmp_path / "run.trec", tmp_path / "qrels"
    run.write_text("q\x1b[2J Q0 d\x1b]0;x\x07 1 1 -:x\n")
    qrels.write_text("q\x1b[2J 0 d\x1b]0;x\x07 1\n")
    args = "evaluate", str(run), "--qrels", str(qrels)
    shown = rearank(*args, "--show", "q\x1b[2J").stdout
    assert r"q\x1b[2J" in shown
    assert not {"\x1b", "\x07"} & set(shown)
    assert "q\x1b[2J" in rearank(*args, "--per-query", "--format", "tsv").stdout


def test_a_query_that_the_run_lacks(rearank: Run, asked: list[str]) -> None:
    done = rearank(*asked, "q9", status=2)
    assert done.stderr == f"rearank: --show q9: {asked[2]} has no such query; it has q1 ...\n"


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"docids": 3}, 'expected "docids" as a list, found 3'),
        ({"permutation": {}}, 'expected "permutation" as a list'),
    ],
)
def test_a_wrong_line_of_the_trace_is_one_sentence(
    rearank: Run, asked: list[str], field: dict[str, object], message: str
) -> None:
    row = {"qid": "q1", "completion": WRITTEN, "docids": ["b"], **field}
    Path(asked[6]).write_text(json.dumps(row) + "\n")
    done = rearank(*asked, "q1", status=65)
    assert done.stderr.startswith(f"rearank: {asked[6]}:1: {message}")
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


def test_a_bare_run_is_shown_without_passages_and_without_judgements(rearank: Run, tmp_path: Path) -> None:
    run = tmp_path / "run.trec"
    run.write_text("q1 Q0 b 1 3.0 -:x\nq1 Q0 a 2 2.0 -:x\n")
    done = rearank("evaluate", str(run), "--show", "q1")
    assert done.stdout == f"query q1\n\n{run}\nrank  grade  docid\n   1      -  b\n   2      -  a\n"
    assert done.stderr.startswith(f"rearank: no grades are shown: {run}: its tag '-:x' names no dataset")
    refused = rearank("evaluate", str(run), "--show", "q1", "--qrels", str(tmp_path / "none"), status=66)
    assert "none: cannot be read" in refused.stderr


def test_on_a_terminal_it_is_paged_and_in_colour(asked: list[str]) -> None:
    main, end = pty.openpty()
    shown = subprocess.Popen(
        [sys.executable, "-m", "rearank_cli", *asked, "q1"],
        stdin=end, stdout=end, stderr=subprocess.PIPE, env={**os.environ, "TERM": "xterm", "PAGER": "sed s/^/paged:/"},
    )  # fmt: skip
    os.close(end)
    written = b""
    with contextlib.suppress(OSError):  # the other end was closed: all is read
        while piece := os.read(main, 65536):
            written += piece
    os.close(main)
    assert (shown.communicate(timeout=60)[1], shown.returncode) == (b"", 0)
    assert b"paged:\x1b[1mquery q1: who\\x1b[2J flies\x1b[0m" in written
    assert b"\x1b[32m  up 1\x1b[0m" in written
    assert b"\x1b[2m<think>Hm.</think>\x1b[0m" in written
