"""The fault benchmarks in short: each says what it found, line by line, and fails where a claim does not hold."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.ranking.test_prompts import recipe

BENCH = ROOT / "recipes" / "bench"


def lines_of(script: str, *args: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(BENCH / script), *args], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert {line[:6] for line in lines} == {"PASS  "}
    return lines


def test_a_server_of_which_a_fifth_fails_changes_neither_run_nor_counts() -> None:
    reranked, counts, tokens, trace = lines_of("faults.py", "server", "--count", "18")
    assert reranked.startswith("PASS  18 windows, ")
    assert reranked.partition(": every query is reranked")[2].startswith(", as by a sound server: status 0")
    assert "18 clean" in counts.rpartition(":")[2]
    assert int(tokens.rpartition(" ")[2]) > 18  # with those of the answers that were cut
    assert int(trace.rpartition(": ")[2].partition(" whole")[0]) >= 18  # with those without any text


def test_bad_completions_are_counted_by_how_they_were_read() -> None:
    (line,) = lines_of("faults.py", "completions", "--count", "2000")
    assert "2,000 bad completions of 14 kinds" in line
    assert all(outcome in line for outcome in (" clean", " repaired", " truncated", " empty"))


def test_the_parser_reads_random_answers_as_the_second_reading_does() -> None:
    (line,) = lines_of("parser.py", "--count", "2000", "--seed", "1")
    assert "2,000 agree" in line
    assert all(outcome in line for outcome in (" clean", " repaired", " partial", " truncated", " empty"))


def test_a_stream_of_candidates_is_measured() -> None:
    (line,) = lines_of("memory.py", "many", "--queries", "300")
    assert "300 queries by 5 candidates streamed" in line
    assert " 1,500 lines" in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "count", "claims"), [("kills", 3, 6), ("crons", 1, 2), ("disk", 1, 4), ("outages", 5, 14)]
)
def test_the_others_hold_in_short(what: str, count: int, claims: int) -> None:
    assert len(lines_of("faults.py", what, "--count", str(count))) == claims


def test_a_claim_that_does_not_hold_is_said_and_is_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    claims = recipe("bench/claims.py").Claims()
    claims.settle("one of one", "1", holds=True)
    claims.settle("two of two", "1", holds=False)
    with pytest.raises(SystemExit, match="1"):
        claims.end()
    assert capsys.readouterr().out == "PASS  one of one: 1\nFAIL  two of two: 1\n"
