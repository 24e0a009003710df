"""recipes/data: the sums are those of the files that the tests use, and logs convert to those answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

RECIPE = ROOT / "recipes" / "data"


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(RECIPE / "fetch.sh"), "--check", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_sums_are_those_of_the_data_that_the_tests_use(shared: Path) -> None:
    done = check(shared)
    assert (done.returncode, done.stdout.split()[:3]) == (0, ["32", "of", "32"]), done.stderr


def test_what_is_missing_or_different_is_named(tmp_path: Path) -> None:
    (tmp_path / "dl19").mkdir()
    (tmp_path / "dl19" / "qrels.txt").write_text("1 0 d 1\n")
    done = check(tmp_path)
    assert done.returncode == 1
    assert "missing or different: dl19/qrels.txt" in done.stderr
    assert done.stdout.startswith("0 of 32 files")


@pytest.mark.parametrize("model", ["rankvicuna", "checkpoint800", "vicuna13b"])
def test_a_log_becomes_the_recorded_answers(shared: Path, tmp_path: Path, model: str) -> None:
    recorded = (shared / "dl19" / f"{model}.completions.jsonl").read_text()
    entries = [{"prompt": "-", "response": json.loads(line)["completion"]} for line in recorded.splitlines()]
    log = tmp_path / "log.json"
    log.write_text("".join(f"{json.dumps(entry, indent=4)}, " for entry in entries))  # as rank_llm wrote it
    done = subprocess.run(
        [sys.executable, str(RECIPE / "completions.py"), str(shared / "dl19" / "bm25.json"), str(log)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == recorded
