"""The trace as a journal: what was answered is kept, torn lines are cut, one process at a time."""

import errno
import fcntl
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


def test_answers_to_other_prompts_about_the_same_queries_are_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "trace.jsonl")
    first = Journal(path, ASKED)
    first.record(answer("[1] > [2]"))
    first.record(answer("[1] > [2]", replace(PROMPT, qid="q2")))
    first.close()
    same = Journal(path, ASKED)
    assert same.recall(Prompt("q3", ("a", "b"), digest="0123")) is None
    assert same.recall(PROMPT) is not None
    assert same.recall(replace(PROMPT, digest="4567")) is None  # a later window of the same run
    same.close()
    assert capsys.readouterr().err == ""
    changed = Journal(path, ASKED)
    assert changed.recall(replace(PROMPT, digest="4567")) is None
    assert changed.recall(replace(PROMPT, qid="q2", digest="4567")) is None
    changed.close()
    assert capsys.readouterr().err.count("to other prompts about the same queries") == 1


def test_the_lines_hold_what_the_design_says(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    journal = Journal(str(path), ASKED)
    journal.record(answer("<answer>[2] > [1]</answer>"))
    journal.close()
    header, line = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    assert header.keys() == {"rearank", "started", "pid", "asked"}
    assert header["asked"] == ASKED
    assert line == {
        "qid": "q1", "docids": ["a", "b"], "sample": 0, "repeat": 0, "prompt": "0123",
        "completion": "<answer>[2] > [1]</answer>", "finish": "stop", "prompt_tokens": 7, "output_tokens": 3,
        "seconds": 0.25, "permutation": [2, 1], "outcome": "clean",
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


@pytest.mark.parametrize("name", ["weights", "adapter", "recording"])
def test_answers_of_other_weights_adapters_or_recordings_are_asked_anew_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = str(tmp_path / "trace.jsonl")
    journal = Journal(path, {**ASKED, name: "f00d"})
    journal.record(answer("[2] > [1]"))
    journal.close()
    for other in ("beef", None):
        journal = Journal(path, {**ASKED, name: other})
        assert journal.recall(PROMPT) is None
        journal.close()
        assert f"was begun with another {name} (" in capsys.readouterr().err
    journal = Journal(path, {**ASKED, name: "f00d"})
    assert journal.recall(PROMPT) is not None
    journal.close()


def test_what_an_older_version_did_not_record_counts_as_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.jsonl"
    header = {"rearank": "0.0.9", "started": "2026-11-20T01:00:00+00:00", "pid": 1, "asked": ASKED}
    line = {
        "qid": "q1",
        "docids": ["a", "b"],
        "sample": 0,
        "prompt": "0123",
        "finish": "stop",
        "outcome": "clean",
    }
    lines = [header, *({**line, "completion": text} for text in ("[1] > [2]", "[2] > [1]"))]
    path.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    journal = Journal(str(path), {**ASKED, "weights": "f00d"})
    recalled = [journal.recall(replace(PROMPT, repeat=repeat)) for repeat in range(3)]
    journal.close()
    assert [one and one.text for one in recalled] == ["[1] > [2]", "[2] > [1]", None]
    assert not capsys.readouterr().err


def test_the_same_prompt_of_a_later_pass_has_an_answer_of_its_own(tmp_path: Path) -> None:
    path = str(tmp_path / "trace.jsonl")
    later = replace(PROMPT, repeat=1)
    first = Journal(path, ASKED)
    first.record(answer("[2] > [1]"))
    first.record(answer("[1] > [2]", later))
    first.close()
    second = Journal(path, ASKED)
    recalled = [second.recall(prompt) for prompt in (PROMPT, later)]
    second.close()
    assert [one and one.text for one in recalled] == ["[2] > [1]", "[1] > [2]"]


def test_a_refusal_for_good_is_remembered_with_its_reason_unless_it_is_to_be_tried_again(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "trace.jsonl")
    refusal = Completion("", "refused", reason="content_filter")
    first = Journal(path, ASKED)
    first.record(Answer(PROMPT, refusal, Permutation((0, 1), Outcome.REFUSED)))
    first.close()
    second = Journal(path, ASKED)
    assert second.recall(PROMPT) == refusal
    second.close()
    third = Journal(path, ASKED, retry_refused=True)
    assert third.recall(PROMPT) is None
    third.close()


def test_a_server_that_calls_itself_otherwise_is_named_and_then_asked_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "trace.jsonl")
    other = replace(PROMPT, digest="4567")

    def named(text: str, model: str, prompt: Prompt = PROMPT) -> Answer:
        return Answer(prompt, Completion(text, model=model), parse(text, 2))

    first = Journal(path, ASKED)
    first.record(named("[2] > [1]", "gpt-old"))
    first.close()
    second = Journal(path, ASKED)
    assert second.recall(PROMPT) is not None
    second.record(named("[2] > [1]", "gpt-new", other))
    second.close()
    assert "the server answers as gpt-new, earlier answers came from gpt-old" in capsys.readouterr().err
    third = Journal(path, ASKED)
    assert third.recall(PROMPT) is None
    assert third.recall(other) is not None
    third.close()
    assert "answers of gpt-old are asked anew: gpt-new answers now" in capsys.readouterr().err


def test_a_file_system_without_locks_is_said_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    journal = Journal(str(tmp_path / "trace.jsonl"), ASKED)
    journal.record(answer("[2] > [1]"))
    journal.close()
    assert "no locks (No locks available); make sure that no other process works" in capsys.readouterr().err


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


def of_models(path: Path, *models: str) -> str:
    """A trace with one answer to the same window of each model, the text being the model's name."""
    lines: list[dict[str, object]] = []
    for model in models:
        lines.append({"rearank": "0.1", "asked": {"model": model.partition("/")[0], "note": model}})
        lines.append({"qid": "q1", "docids": ["a", "b"], "completion": model})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def replayed(engine: ReplayEngine) -> str:
    engine.submit(0, PROMPT)
    ((_, completion),) = engine.collect()
    engine.close()
    return completion.text


def test_replay_of_two_models_wants_one_of_them_named(tmp_path: Path) -> None:
    path = of_models(tmp_path / "t.jsonl", "one", "two")
    assert [replayed(ReplayEngine(path, model=model)) for model in ("one", "two")] == ["one", "two"]
    for model in (None, "three"):
        with pytest.raises(
            DataError, match=r"answers of 2 models \(one, two\); choose one of them with --model"
        ):
            ReplayEngine(path, model=model)


def test_replay_of_several_settings_takes_the_last_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replayed(ReplayEngine(of_models(tmp_path / "t.jsonl", "m/cold", "m/hot"))) == "m/hot"
    assert "under several settings; those of the last are replayed" in capsys.readouterr().err


def test_replay_under_another_models_name_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replayed(ReplayEngine(of_models(tmp_path / "t.jsonl", "one"), model="other")) == "one"
    assert "holds the answers of one; they are replayed, whatever --model says" in capsys.readouterr().err


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
        ({**GOOD, "seconds": {}}, "numbers as prompt_tokens"),
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
