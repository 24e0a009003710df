"""No command writes over a file of its own, or one that is not ours to write; what cannot be written is said first."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.datasets.test_names import beir

CANDIDATES = json.dumps(
    {"query": {"qid": "1", "text": "q"}, "candidates": [{"docid": d, "score": 1, "doc": d} for d in "ab"]}
)
RERANK = "rearank rerank --quiet --replay good.trace"
RETRIEVE = "rearank retrieve --corpus corpus.tsv"
PLOT = "rearank evaluate x.trec --qrels qrels --plot"
NEEDS_MATPLOTLIB = pytest.mark.skipif(
    find_spec("matplotlib") is None, reason="the extra `compare` is not installed"
)


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sound files, links to them, and JSON that is no provenance."""
    monkeypatch.chdir(tmp_path)
    Path("in.json").write_text(CANDIDATES)
    Path("good.trace").write_text('{"qid":"1","docids":["a","b"],"completion":"[2] > [1]"}\n')
    Path("night.json").write_text('{"rearank":"0","asked":{}}\n')
    Path("x.trec").write_text("1 Q0 a 1 2 t\n1 Q0 b 2 1 t\n")
    Path("qrels").write_text("1 0 a 0\n1 0 b 1\n")
    Path("topics.tsv").write_text("1\tcats\n")
    Path("corpus.tsv").write_text("a\tcats sleep\nb\tdogs run\n")
    Path("list.json").write_text("[]")
    Path("half.json").write_text('{"command": ["rearank", "rerank"]}')
    Path("other.json").write_text('{"command": ["cp"], "versions": {}}')
    Path("broken.json").write_text('{"command": [')
    Path("empty.json").touch()
    Path("link").symlink_to("in.json")
    Path("hard").hardlink_to("in.json")
    Path("here").symlink_to(".")
    beir(Path("set"))
    Path("model").mkdir()
    Path("model", "config.json").write_text("{}")


def contents() -> dict[str, str]:
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "command",
    [
        f"{RERANK} in.json -o in.json",
        f"{RERANK} in.json -o ./here/in.json",
        f"{RERANK} in.json -o $PWD/in.json",
        f"{RERANK} in.json -o link",
        f"{RERANK} link -o in.json",
        f"{RERANK} in.json -o hard",
        f"{RERANK} in.json -o in",
        f"{RERANK} in.json -o here/in",
        f"{RERANK} in.json -o good.trace",
        f"{RERANK} in.json -o night --trace night.json",
        f"{RERANK} in.json -o x --trace x",
        f"{RERANK} in.json -o new --trace here/new",
        f"{RERANK} in.json -o new --trace ./new.json",
        f"{RERANK} in.json --trace in.json",
        f"{RERANK} in.json --trace good.trace",
        f"{RERANK} x.trec --corpus corpus.tsv --topics topics.tsv -o topics.tsv",
        f"{RERANK} x.trec --corpus corpus.tsv --topics topics.tsv -o here/corpus.tsv",
        f"{RERANK} x.trec --dataset set -o set/corpus.jsonl",
        f"{RERANK} in.json --model model -o model/config.json",
        f"{RERANK} in.json --model model -o model/config",
        f"{RERANK} -o in.json < in.json",
        f"cat in.json | {RERANK} - >> good.trace",
        f"{RERANK} in.json >> in.json",
        f"{RERANK} in.json -o run --trace night.json 2>> night.json",
        f"{RERANK} in.json --trace night.json >> night.json",
        f"{RETRIEVE} --topics topics.tsv -o topics.tsv",
        f"{RETRIEVE} --topics topics.tsv -o corpus.tsv",
        f"{RETRIEVE} --topics topics.tsv >> corpus.tsv",
        f"{RETRIEVE} -o topics.tsv < topics.tsv",
        f"{RETRIEVE} --topics topics.tsv --run x.trec -o x.trec",
        "rearank retrieve --dataset set -o set/queries.jsonl",
        "rearank retrieve --dataset set/test -o set/qrels/test.tsv",
        "mkdir index; rearank retrieve --dataset set --index index -o index/run",
        "rearank augment in.json --qrels qrels -o qrels",
        "rearank augment in.json --qrels qrels -o link",
        "rearank augment in.json --qrels qrels --exclude x.trec -o x.trec",
        "rearank evaluate x.trec --qrels qrels --plot x.trec",
        "rearank evaluate x.trec --qrels qrels >> qrels",
        "rearank evaluate x.trec --qrels qrels --trace good.trace >> good.trace",
        "rearank evaluate x.trec x.trec --fuse rrf >> x.trec",
        "rearank train in.json --model demo -o in.json",
        "rearank train x.trec --eval-lists link --model demo -o in.json",
    ],
)
def test_two_that_are_one_file_are_refused_before_anything_is_done(shell: Run, command: str) -> None:
    before = contents()
    done = shell(command, status=2)
    said = done.stderr or Path("night.json").read_text()
    assert "are one file, and what it holds would be lost; choose another" in said or "holds nothing" in said
    assert done.stdout == ""
    after = contents()
    if "2>>" in command:  # where the sentence itself went
        before["night.json"] = after["night.json"]
    assert after == before


@pytest.mark.parametrize("name", ["list", "half", "other", "broken", "empty", "night", "here/list"])
def test_a_file_that_is_no_provenance_is_never_replaced_by_it(shell: Run, name: str) -> None:
    before = contents()
    done = shell(f"{RERANK} in.json -o {name}", status=2)
    assert f"{name}.json: is no provenance file of rearank" in done.stderr
    assert "choose another -o" in done.stderr
    assert contents() == before
    shell(f"{RERANK} in.json -o {name} --dry-run")


def test_a_run_and_its_provenance_may_be_written_again(shell: Run) -> None:
    for _ in range(2):
        shell(f"{RERANK} in.json -o x.trec --tag t")
    assert Path("x.trec").read_text() == "1 Q0 b 1 2 t\n1 Q0 a 2 1 t\n"
    assert json.loads(Path("x.trec.json").read_bytes())["command"][0] == "rearank"


def test_one_log_of_stdout_and_stderr_is_what_someone_wants(shell: Run) -> None:
    shell("rearank rerank in.json --replay good.trace --tag t > log 2>&1")
    assert "1 Q0 b 1 2 t\n" in Path("log").read_text()


def test_stdout_by_its_other_name_is_written_as_it_stands(shell: Run) -> None:
    shell(f"echo before > log; {RERANK} in.json --tag t -o /dev/stdout >> log")
    assert Path("log").read_text() == "before\n1 Q0 b 1 2 t\n1 Q0 a 2 1 t\n"


@pytest.mark.parametrize("name", ["/dev/fd/3", "/proc/self/fd/3"])
def test_an_open_file_is_written_as_it_stands(shell: Run, name: str) -> None:
    shell(f"echo before > log; {RERANK} in.json --tag t -o {name} 3>> log")
    shell(f"{RETRIEVE} --topics topics.tsv --format trec --tag t -o {name} 3>> log | cat")
    assert Path("log").read_text().startswith("before\n1 Q0 b 1 2 t\n1 Q0 a 2 1 t\n1 Q0 a 1 ")
    assert not Path("log.json").exists()


def test_stderr_by_its_name_is_written_as_it_stands(shell: Run) -> None:
    assert shell(f"{RERANK} in.json --tag t -o /dev/stderr").stderr == "1 Q0 b 1 2 t\n1 Q0 a 2 1 t\n"


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/null", "/dev/fd/3", ">(cat)", "pipe"])
def test_a_trace_that_the_next_call_cannot_read_is_refused(shell: Run, name: str) -> None:
    done = shell(f"mkfifo pipe; {RERANK} nowhere.json --model nowhere --trace {name} 3> other", status=74)
    assert "expected the name of a file, which the next call can read" in done.stderr
    assert not Path("-").exists()


@pytest.mark.parametrize(
    "command",
    [
        f"{RERANK} in.json -o ''",
        *(f"{RERANK} in.json -o {name}" for name in (".", "..", "set", "outdir/", "no/run", "x.trec/run")),
        *(f"{RERANK} in.json --trace {name}" for name in (".", "no/trace", "outdir/")),
        f"{RERANK} in.json -o {'a' * 300}",
        f"{RERANK} in.json -o {'a' * 252}",  # its provenance file has a longer name
        f"mkdir run.json; {RERANK} in.json -o run",
        *(f"{RETRIEVE} --topics topics.tsv -o {name}" for name in (".", "outdir/", "no/run")),
        *(f"rearank augment in.json --qrels qrels -o {name}" for name in (".", "outdir/", "no/run")),
        *(pytest.param(f"{PLOT} {name}", marks=NEEDS_MATPLOTLIB) for name in ("no/a.png", "outdir.png/")),
        "rearank train in.json --model demo -o x.trec",
        "rearank train in.json --model demo -o x.trec/out",
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_done(shell: Run, command: str) -> None:
    before = contents()
    done = shell(f"{command} 2> said", status=74)
    (sentence,) = Path("said").read_text().splitlines()
    assert "cannot be" in sentence or "expected the name of a file" in sentence
    Path("said").unlink()
    assert (done.stdout, contents()) == ("", before)
    assert not Path("outdir").exists()


def test_a_training_folder_that_is_taken_is_refused_before_anything_is_loaded(shell: Run) -> None:
    said = shell("rearank train nowhere.jsonl --model nowhere -o .", status=2).stderr
    assert "expected an empty folder or one of an earlier run, found other files" in said


def test_names_that_are_no_text_end_no_run(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.jsonl"
    Path(os.fsdecode(name)).write_text(CANDIDATES)
    words: list[str | bytes] = [
        sys.executable,
        "-m",
        "rearank_cli",
        *RERANK.split()[1:],
        name,
        "-o",
        "run.trec",
    ]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    command = json.loads(Path("run.trec.json").read_bytes())["command"]
    assert any(argument.endswith("caf\\udce9.jsonl") for argument in command)
