"""The trace as a journal: what was answered is kept, torn lines are cut, one process at a time."""

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from rearank_cli.engines.replay import ReplayEngine
from rearank_cli.errors import DataError, MissingInput, OutputError, TryLater
from rearank_cli.formats.trace import Answer
from rearank_cli.ranking.journal import Journal
from rearank_cli.ranking.permutation import parse
from rearank_cli.records import Completion, Outcome, Permutation, Prompt

ASKED = {"model": "m", "sampling": {"temperature": 0.0}}
PROMPT = Prompt("q1", ("a", "b"), digest="0123")


def answer(text: str, prompt: Prompt = PROMPT) -> Answer:
    completion = Completion(text, "stop", prompt_tokens=7, output_tokens=3, seconds=0.25)
    return Answer(prompt, completion, parse(text, len(prompt.docids)))


def test_an_answer_is_recalled_by_the_next_start(tmp_path: Path) -> None:
    path = str(tmp_path / "trace.jsonl")
    first = Journal(path, ASKED)
    first.record(answer("[1] > [2]"))
    first.record(answer("[2] > [1]"))
    first.close()
    second = Journal(path, ASKED)
    assert second.recall(PROMPT) == Completion("[2] > [1]", "stop", 7, 3, 0.25)  # the last line wins
    assert second.recall(replace(PROMPT, sample=1)) is None
    assert second.recall(Prompt("q2", ("a", "b"), digest="0123")) is None
    second.close()


def test_the_lines_hold_what_the_design_says(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    journal = Journal(str(path), ASKED)
    journal.record(answer("<answer>[2] > [1]</answer>"))
    journal.close()
    header, line = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    assert header.keys() == {"rearank", "started", "pid", "asked"}
    assert header["asked"] == ASKED
    assert line == {
        "qid": "q1", "docids": ["a", "b"], "sample": 0, "prompt": "0123", "completion": "<answer>[2] > [1]</answer>",
        "finish": "stop", "prompt_tokens": 7, "output_tokens": 3, "seconds": 0.25, "permutation": [2, 1],
        "outcome": "clean",
    }  # fmt: skip


def test_a_line_that_the_disk_takes_in_parts_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trace.jsonl"
    journal = Journal(str(path), ASKED)
    file = journal._file
    reluctant = SimpleNamespace(write=lambda data: file.write(data[:9]), fileno=file.fileno, close=file.close)
    monkeypatch.setattr(journal, "_file", reluctant)
    journal.record(answer("[1] > [2]"))
    journal.close()
    assert [json.loads(line) for line in path.read_bytes().splitlines()][1]["completion"] == "[1] > [2]"


def test_other_settings_are_named_and_nothing_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.jsonl"
    journal = Journal(str(path), ASKED)
    journal.record(answer("[2] > [1]"))
    journal.close()
    before = path.read_bytes()
    other = Journal(str(path), {**ASKED, "model": "n"})
    assert other.recall(PROMPT) is None
    other.close()
    assert "model (m before, n now)" in capsys.readouterr().err
    assert path.read_bytes().startswith(before)
    again = Journal(str(path), ASKED)
    assert again.recall(PROMPT) is not None
    again.close()


def test_a_torn_last_line_is_cut_off_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trace.jsonl"
    journal = Journal(str(path), ASKED)
    journal.record(answer("[2] > [1]"))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"qid": "q1", "docids"')
    Journal(str(path), ASKED).close()
    assert path.read_bytes().startswith(whole + b'{"rearank"')
    assert "torn last line of 22 bytes" in capsys.readouterr().err


def test_a_second_process_is_told_who_holds_the_trace(tmp_path: Path) -> None:
    path = str(tmp_path / "trace.jsonl")
    journal = Journal(path, ASKED)
    with pytest.raises(TryLater, match="process [0-9]+ is working on this trace"):
        Journal(path, ASKED)
    journal.close()
    Journal(path, ASKED).close()  # nothing stale is left


def test_a_trace_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be opened"):
        Journal(str(tmp_path / "no" / "trace.jsonl"), ASKED)
    for endless in (tmp_path, Path("/dev/zero")):
        with pytest.raises(OutputError, match="found a folder, pipe or device"):
            Journal(str(endless), ASKED)


@pytest.mark.parametrize(
    "text", ["not a trace\n", "one line without an end", '{"qid": "1"}\n', '{"rearank": 1}\n5\n']
)
def test_a_file_that_is_no_trace_is_refused_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "not.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"not\.jsonl.*expected"):
        Journal(str(path), ASKED)
    assert path.read_text(encoding="utf-8") == text


def test_a_trace_torn_within_its_first_line_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    for torn in (b"", b'{"rea', b'{"rearank":"0.1","sta'):
        path.write_bytes(torn)
        Journal(str(path), ASKED).close()
        (header,) = path.read_bytes().splitlines()
        assert json.loads(header)["asked"] == ASKED


def recording(path: Path, *rows: tuple[str, str]) -> str:
    lines = [json.dumps({"qid": "q1", "docids": docids.split(), "completion": text}) for docids, text in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_replay_takes_recordings_of_a_window_in_order_and_repeats_the_last(tmp_path: Path) -> None:
    engine = ReplayEngine(recording(tmp_path / "r.jsonl", ("a b", "one"), ("b a", "other"), ("a b", "two")))
    for key, expected in enumerate(["one", "two", "two"]):
        engine.submit(key, PROMPT)
        assert [(k, c.text) for k, c in engine.collect()] == [(key, expected)]
    assert engine.collect() == []
    engine.close()


def test_replay_names_the_window_that_it_lacks(tmp_path: Path) -> None:
    engine = ReplayEngine(recording(tmp_path / "r.jsonl", ("a b", "one")))
    with pytest.raises(MissingInput, match="no answer for query 'q1' with the 2 documents b ... a"):
        engine.submit(0, Prompt("q1", ("b", "a"), ""))
    engine.close()


def test_a_recording_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="cannot be read"):
        ReplayEngine(str(tmp_path / "none.jsonl"))
    (tmp_path / "half.jsonl").write_text('{"completion": "x"}\n', encoding="utf-8")
    with pytest.raises(DataError, match='half.jsonl:1: expected "qid" and "docids"'):
        ReplayEngine(str(tmp_path / "half.jsonl"))


GOOD = {"qid": "q1", "docids": ["a"], "completion": "[1]"}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({**GOOD, "docids": 5}, '"docids" as a list'),
        ({**GOOD, "completion": None}, '"completion" as a string'),
        ({**GOOD, "seconds": None}, "numbers as prompt_tokens, output_tokens, seconds"),
        ({**GOOD, "prompt_tokens": "many"}, "numbers as prompt_tokens"),
        ({**GOOD, "finish": 5}, '"finish" as one of stop, length, error, refused'),
        ({"rearank": "0.1", "asked": 5}, '"asked" in a header'),
        ({"query": {}, "candidates": []}, '"completion", or "rearank"'),
    ],
)
def test_a_line_of_another_kind_is_one_sentence(tmp_path: Path, row: object, expected: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{json.dumps(row)}\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"r.jsonl:2: expected .*{expected}"):
        ReplayEngine(str(path))


def test_a_recording_in_a_pipe_is_one_sentence(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)  # so that opening it to read does not wait
    with pytest.raises(MissingInput, match="expected a file, found a pipe"):
        ReplayEngine(str(pipe))
    os.close(writer)


def test_a_failed_window_is_asked_again_and_a_replay_takes_the_later_answer(tmp_path: Path) -> None:
    path = str(tmp_path / "trace.jsonl")
    first = Journal(path, ASKED)
    first.record(Answer(PROMPT, Completion("", "error"), Permutation((0, 1), Outcome.FAILED)))
    first.close()
    second = Journal(path, ASKED)
    assert second.recall(PROMPT) is None
    second.record(answer("[2] > [1]"))
    second.close()
    engine = ReplayEngine(path)
    engine.submit(0, PROMPT)
    assert [completion.text for _, completion in engine.collect()] == ["[2] > [1]"]
    engine.close()
