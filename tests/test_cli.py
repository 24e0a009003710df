"""The command line as a whole: statuses, streams, and one sentence for every mistake."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run

LINE = json.dumps({
    "query": {"qid": "1", "text": "q"},
    "candidates": [{"docid": d, "score": s, "doc": {"text": f"text {d}"}} for d, s in (("a", 2.0), ("b", 1.0))],
    "tag": "demo:bm25",
})  # fmt: skip
RECORDED = json.dumps({"qid": "1", "docids": ["a", "b"], "completion": "<answer>[2] > [1]</answer>"})


@pytest.fixture
def recording(tmp_path: Path) -> str:
    (tmp_path / "answers.jsonl").write_text(RECORDED + "\n", encoding="utf-8")
    return str(tmp_path / "answers.jsonl")


def test_the_module_and_the_script_are_the_same_program(rearank: Run, shell: Run) -> None:
    assert rearank("--version").stdout == shell("rearank --version").stdout
    assert rearank("--help").stdout == shell("rearank --help").stdout
    assert rearank("--help").stdout.startswith("Usage: rearank ")


def test_no_command_and_unknown_commands_are_usage(rearank: Run) -> None:
    assert "Usage" in rearank(status=2).stderr + rearank(status=2).stdout
    assert "No such command" in rearank("rank", status=2).stderr
    assert "No such option" in rearank("rerank", "--sttep", "3", status=2).stderr


def test_a_run_is_written_with_its_provenance(rearank: Run, recording: str, tmp_path: Path) -> None:
    done = rearank("rerank", "--replay", recording, stdin=LINE)
    assert done.stdout == "1 Q0 b 1 2 demo:bm25:replay=answers\n1 Q0 a 2 1 demo:bm25:replay=answers\n"
    assert "queries 1; windows 1: 1 clean, 0 repaired, 0 truncated, 0 empty" in done.stderr
    rearank("rerank", "--replay", recording, "-o", str(tmp_path / "run.trec"), "--tag", "my tag", stdin=LINE)
    assert (tmp_path / "run.trec").read_text(encoding="utf-8").splitlines()[0] == "1 Q0 b 1 2 my_tag"


def test_candidates_can_be_written_and_reranked_again(rearank: Run, recording: str) -> None:
    first = rearank("rerank", "--replay", recording, "--format", "jsonl", stdin=LINE).stdout
    row = json.loads(first)
    assert [hit["docid"] for hit in row["candidates"]] == ["b", "a"]
    assert row["candidates"][0]["doc"] == {"text": "text b"}
    assert row["tag"] == "demo:bm25:replay=answers"


def test_a_trace_is_written_and_is_a_recording(rearank: Run, recording: str, tmp_path: Path) -> None:
    trace = str(tmp_path / "trace.jsonl")
    first = rearank("rerank", "--replay", recording, "--trace", trace, stdin=LINE).stdout
    again = rearank("rerank", "--replay", trace, "--tag", "demo:bm25:replay=answers", stdin=LINE).stdout
    assert again == first


def test_trials_take_some_queries_or_some_depth(rearank: Run, recording: str) -> None:
    other = LINE.replace('"1"', '"2"')
    one = rearank("rerank", "--replay", recording, "--limit", "1", stdin=f"{LINE}\n{other}")
    assert {line.split()[0] for line in one.stdout.splitlines()} == {"1"}
    one = rearank("rerank", "--replay", recording, "--qids", "1", stdin=f"{other}\n{LINE}")
    assert {line.split()[0] for line in one.stdout.splitlines()} == {"1"}
    kept = rearank("rerank", "--replay", recording, "--depth", "1", stdin=LINE)
    assert [line.split()[2] for line in kept.stdout.splitlines()] == ["a", "b"]
    assert (
        "no query was left"
        in rearank("rerank", "--replay", recording, "--qids", "9", stdin=LINE, status=65).stderr
    )


@pytest.mark.parametrize(
    ("args", "stdin", "status", "words"),
    [
        ([], b"", 65, "<stdin>: expected candidates or a run, found nothing"),
        ([], LINE[:-9].encode(), 65, "<stdin>:1: expected one JSON object a line"),
        ([], b"1 Q0 a 1 2.0 t\n1 Q0 b 2 1.0\n", 65, "<stdin>:2: expected six columns"),
        ([], b"1 Q0 a 1 2.0 t\n", 65, "found a bare run"),
        ([], b"1 Q0 a 1 nan t\n", 65, "<stdin>:1: expected a finite number as score (column 5), found 'nan'"),
        ([], LINE.replace('"q"', '""').encode(), 65, "<stdin>:1: query '1' has no text"),
        ([], LINE.replace("text a", "caf\xe9").encode("latin-1"), 65, "<stdin>:1: expected"),
        (["no.jsonl"], b"", 66, "no.jsonl: cannot be read"),
        (["."], b"", 66, ".: expected a file, found a folder"),
        (["--prompt", "rerank"], LINE.encode(), 2, "prompt 'rerank' is unknown"),
        (["--step", "0"], LINE.encode(), 2, "--step 0: expected 1 to 20"),
        (["--window", "5", "--step", "6"], LINE.encode(), 2, "--step 6: expected 1 to 5"),
        (["--window", "1"], LINE.encode(), 2, "'--window'"),
        (["--engine", "transformers"], LINE.encode(), 2, "--replay"),
        (["-o", "no/run.trec"], LINE.encode(), 74, "no/run.trec: cannot be written"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistakes_get_one_sentence_and_their_status(
    rearank: Run, recording: str, args: list[str], stdin: bytes, status: int, words: str
) -> None:
    done = rearank("rerank", "--replay", recording, *args, stdin=stdin, status=status)
    assert words in done.stderr
    assert done.stdout == ""


def test_no_model_is_usage(rearank: Run) -> None:
    assert "no model: expected --model" in rearank("rerank", stdin=LINE, status=2).stderr


def test_a_model_that_is_not_there_is_one_sentence(rearank: Run) -> None:
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    missing = rearank("rerank", "--model", "nobody/nothing", stdin=LINE, status=66).stderr
    assert "nobody/nothing" in missing


def test_a_file_that_cannot_be_read_is_named_before_a_model_is_loaded(rearank: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"qid": "1"}\n', encoding="utf-8")
    done = rearank("rerank", str(broken), "--model", "demo", status=65)
    assert done.stderr.startswith(f"rearank: {broken}:1: expected an object")
    assert len(done.stderr.splitlines()) == 1


def test_a_recording_that_lacks_a_window_ends_with_66_and_no_file(
    rearank: Run, recording: str, tmp_path: Path
) -> None:
    other = LINE.replace('"1"', '"2"')
    target = tmp_path / "run.trec"
    done = rearank("rerank", "--replay", recording, "-o", str(target), stdin=f"{LINE}\n{other}", status=66)
    assert "holds no answer for query '2'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["answers.jsonl"]


def test_too_many_malformed_answers_end_with_65(rearank: Run, tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text(RECORDED.replace("[2] > [1]", "no idea"), encoding="utf-8")
    replay = ["rerank", "--replay", str(tmp_path / "answers.jsonl")]
    assert "100 % of the answers" in rearank(*replay, stdin=LINE, status=65).stderr
    assert rearank(*replay, "--max-malformed", "100", stdin=LINE).stdout.split()[2] == "a"


def test_a_terminal_as_stdin_is_usage_and_no_hang() -> None:
    leader, follower = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "rearank_cli", "rerank", "--model", "demo"],
        stdin=follower, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    os.close(leader)
    os.close(follower)
    assert done.returncode == 2
    assert "stdin is a terminal" in done.stderr


@pytest.mark.parametrize(
    ("lines", "more", "status", "words"),
    [
        (2, [], 66, "holds no answer for query '2'"),
        (1, ["--max-time", "1s"], 75, "the time of --max-time is over"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_the_end_waits_for_no_stage_before(
    recording: str, tmp_path: Path, lines: int, more: list[str], status: int, words: str, *, named: bool
) -> None:
    """Its pipe is still open, and a thread still reads from it."""
    other = LINE.replace('"qid": "1"', '"qid": "2"')
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "rearank_cli", "rerank", *([str(pipe)] if named else [])]
    with subprocess.Popen(
        [*command, "--replay", recording, *more], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        with pipe.open("w", encoding="utf-8") if named else process.stdin as stage:
            stage.write("\n".join([LINE, other][:lines]) + "\n")
            stage.flush()
            assert process.wait(timeout=60) == status
        said = process.stderr.read()
    assert words in said
    assert "Fatal" not in said


def test_a_reader_that_goes_away_is_no_noise(shell: Run, recording: str, tmp_path: Path) -> None:
    many = [LINE.replace('"1"', f'"{n}"') for n in range(3000)]
    answers = [RECORDED.replace('"1"', f'"{n}"') for n in range(3000)]
    (tmp_path / "many.jsonl").write_text("\n".join(many), encoding="utf-8")
    (tmp_path / "many.answers.jsonl").write_text("\n".join(answers), encoding="utf-8")
    replay = f"rearank rerank {tmp_path}/many.jsonl --replay {tmp_path}/many.answers.jsonl"
    done = shell(f"{replay} 2>{tmp_path}/err | head -1; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[1] == "141"
    assert "Exception" not in (tmp_path / "err").read_text(encoding="utf-8")
    assert "Broken" not in (tmp_path / "err").read_text(encoding="utf-8")


def test_a_bare_run_is_given_its_texts(rearank: Run, tmp_path: Path) -> None:
    run = rearank("retrieve", "--dataset", "demo", "--hits", "2", "--format", "trec").stdout.splitlines()[:2]
    docids = [line.split()[2] for line in run]
    answer = {"qid": run[0].split()[0], "docids": docids, "completion": "[2] > [1]"}
    (tmp_path / "answers.jsonl").write_text(json.dumps(answer), encoding="utf-8")
    replay = ["rerank", "--replay", str(tmp_path / "answers.jsonl")]
    done = rearank(*replay, "--dataset", "demo", stdin="\n".join(run))
    assert [line.split()[2] for line in done.stdout.splitlines()] == docids[::-1]
    assert done.stdout.split()[5] == "demo:bm25:replay=answers"
    missing = rearank(*replay, "--dataset", "demo", stdin=run[0].replace(docids[0], "nothing"), status=66)
    assert "'nothing' not in the collection" in missing.stderr
