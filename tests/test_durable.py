"""Reranking that survives: kills, deadlines, signals, full disks, two crons at once."""

import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rearank_cli.ranking.profiles import DEMO_MODEL
from tests.conftest import Run
from tests.ranking.test_prompts import recipe

QUERIES, HITS, WINDOWS = 6, 30, 2 * 6
ALL = ["--window", "20", "--step", "10", "--prompt", "rearank"]


@pytest.fixture
def server() -> Iterator[Any]:
    """A server that takes some 60 ms an answer."""
    latency = recipe("bench/latency_server.py").LatencyServer(ms_per_token=0.1)
    threading.Thread(target=latency.serve_forever, daemon=True).start()
    yield latency
    latency.open.set()
    latency.shutdown()
    latency.server_close()


@pytest.fixture
def candidates(tmp_path: Path) -> Path:
    rows = [
        {
            "query": {"qid": f"q{q}", "text": f"query {q}"},
            "candidates": [
                {"docid": f"d{i}", "score": 100 - i, "doc": f"text {i} of {q}"} for i in range(HITS)
            ],
            "tag": "t:r",
        }
        for q in range(QUERIES)
    ]
    path = tmp_path / "candidates.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


def command(server: Any, candidates: Path, *more: str) -> list[str]:
    return [
        "rerank",
        str(candidates),
        "--base-url",
        server.url,
        "--model",
        "m",
        "--concurrency",
        "2",
        *ALL,
        *more,
    ]


def start(args: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "rearank_cli", *args], stderr=subprocess.PIPE)


def traced(path: Path) -> list[dict[str, Any]]:
    lines = path.read_bytes().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith(b"}")]
    return [row for row in rows if "completion" in row]


def wait_for(path: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(traced(path)) < count:
        assert time.monotonic() < deadline, "no progress"
        time.sleep(0.01)


def test_killed_at_any_moment_the_run_is_the_same_and_nothing_traced_is_asked_twice(
    rearank: Run, server: Any, candidates: Path, tmp_path: Path
) -> None:
    whole = rearank(*command(server, candidates)).stdout
    asked_by_one = server.stats.requests
    assert asked_by_one == WINDOWS
    trace, drawn = tmp_path / "trace.jsonl", random.Random(4)
    kills = 5
    for kill in range(kills):
        process = start(command(server, candidates, "--trace", str(trace), "-o", str(tmp_path / "run.trec")))
        wait_for(trace, min(2 * kill + 1, WINDOWS - 2))
        time.sleep(drawn.uniform(0, 0.08))
        process.kill()
        process.communicate()
        assert {path.name for path in tmp_path.iterdir()} <= {"candidates.jsonl", "trace.jsonl"}
    rearank(*command(server, candidates, "--trace", str(trace), "-o", str(tmp_path / "run.trec")))
    assert (tmp_path / "run.trec").read_text(encoding="utf-8") == whole
    keys = [(row["qid"], row["prompt"]) for row in traced(trace)]
    assert len(keys) == len(set(keys)) == WINDOWS
    in_flight_at_kills = 2 * kills
    assert server.stats.requests - asked_by_one <= WINDOWS + in_flight_at_kills
    before = server.stats.requests
    again = rearank(*command(server, candidates, "--trace", str(trace)))
    assert (again.stdout, server.stats.requests) == (whole, before)
    assert f"answers from the trace {WINDOWS}" in again.stderr
    replayed = rearank("rerank", str(candidates), "--replay", str(trace), *ALL, "--tag", "t:r:m").stdout
    assert replayed == whole


def test_a_deadline_ends_with_75_and_the_next_call_goes_on(
    rearank: Run, server: Any, candidates: Path, tmp_path: Path
) -> None:
    whole = rearank(*command(server, candidates)).stdout
    trace, run = tmp_path / "trace.jsonl", tmp_path / "run.trec"
    args = command(server, candidates, "--trace", str(trace), "-o", str(run))
    done = rearank(*args, "--max-time", "0s", status=75)
    assert "the time of --max-time is over" in done.stderr
    assert "run the same command again" in done.stderr
    assert not run.exists()
    assert traced(trace) == []
    partial = rearank(*args, "--max-time", "0s", "--partial", status=75)
    assert "queries are not finished and keep their order" in partial.stderr
    lines = run.read_text(encoding="utf-8").splitlines()
    assert len(lines) == QUERIES * HITS
    assert json.loads((tmp_path / "run.trec.json").read_bytes())["stopped"]
    rearank(*args)
    assert run.read_text(encoding="utf-8") == whole


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_lets_what_is_in_flight_finish(
    server: Any, candidates: Path, tmp_path: Path, number: int, status: int
) -> None:
    trace = tmp_path / "trace.jsonl"
    server.ms_per_token = 0.5
    process = start(command(server, candidates, "--trace", str(trace), "-o", str(tmp_path / "run.trec")))
    wait_for(trace, 2)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == status, stderr.decode()
    assert b"Traceback" not in stderr
    assert len(traced(trace)) == server.stats.requests < WINDOWS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candidates.jsonl", "trace.jsonl"]


def test_a_second_ctrl_c_ends_at_once(server: Any, candidates: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    process = start([*command(server, candidates, "--trace", str(trace)), "-o", str(tmp_path / "run.trec")])
    wait_for(trace, 1)
    server.open.clear()
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == 130, stderr.decode()


def test_of_two_crons_one_works_and_the_other_ends_with_75(
    rearank: Run, server: Any, candidates: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace.jsonl"
    args = command(server, candidates, "--trace", str(trace), "-o", str(tmp_path / "run.trec"))
    first = start(args)
    wait_for(trace, 1)
    server.open.clear()
    assert f"process {first.pid} is working on this trace" in rearank(*args, status=75).stderr
    server.open.set()
    _, stderr = first.communicate(timeout=60)
    assert first.returncode == 0, stderr.decode()
    assert (tmp_path / "run.trec").exists()


def test_a_full_disk_is_74_the_trace_is_kept_and_the_next_call_goes_on(
    rearank: Run, server: Any, candidates: Path, tmp_path: Path
) -> None:
    whole = rearank(*command(server, candidates)).stdout
    trace, run = tmp_path / "trace.jsonl", tmp_path / "run.trec"
    args = command(server, candidates, "--trace", str(trace), "-o", str(run))
    done = subprocess.run(
        [sys.executable, "-m", "rearank_cli", *args], capture_output=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500)),
    )  # fmt: skip
    assert done.returncode == 74, done.stderr.decode()
    assert b"trace cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not run.exists()
    kept = len(traced(trace))
    assert 0 < kept < WINDOWS
    rearank(*args)
    assert run.read_text(encoding="utf-8") == whole
    keys = [(row["qid"], row["prompt"]) for row in traced(trace)]
    assert len(keys) == len(set(keys)) == WINDOWS


def test_a_full_disk_under_the_run_leaves_nothing_half_written(
    server: Any, candidates: Path, tmp_path: Path
) -> None:
    args = command(server, candidates, "-o", str(tmp_path / "run.trec"))
    done = subprocess.run(
        [sys.executable, "-m", "rearank_cli", *args], capture_output=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )  # fmt: skip
    assert done.returncode == 74, done.stderr.decode()
    assert b"run.trec: cannot be written" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["candidates.jsonl"]


def test_a_folder_where_nothing_may_be_written_is_74(rearank: Run, server: Any, candidates: Path) -> None:
    done = rearank(*command(server, candidates, "-o", "/sys/run.trec"), status=74)
    assert "/sys/run.trec: cannot be written" in done.stderr
    assert server.stats.requests == 0


def test_logs_are_lines_that_a_program_can_read(rearank: Run, server: Any, candidates: Path) -> None:
    done = rearank(*command(server, candidates, "--log-format", "json"))
    rows = [json.loads(line) for line in done.stderr.splitlines()]
    assert all(row.keys() == {"time", "level", "message"} for row in rows)
    assert any("windows 12" in row["message"] for row in rows)
    assert rearank(*command(server, candidates, "--quiet")).stderr == ""


def test_the_run_s_provenance_stands_beside_it(
    rearank: Run, server: Any, candidates: Path, tmp_path: Path
) -> None:
    secret = server.url.replace("http://", "http://me:secret@")
    args = [
        "rerank",
        str(candidates),
        "--base-url",
        secret,
        "--model",
        "m",
        *ALL,
        "-o",
        str(tmp_path / "run.trec"),
    ]
    rearank(*args, HOME=str(tmp_path))
    row = json.loads((tmp_path / "run.trec.json").read_bytes())
    assert row["command"][:3] == ["rearank", "rerank", "~/candidates.jsonl"]
    assert row["model"] == "m"
    assert row["windows"]["clean"] == row["windows"]["asked"] == WINDOWS
    assert row["tokens"]["output"] > 0
    assert row["versions"]["rearank"]
    assert len(row["input"]["sha256"]) == len(row["prompt_sha256"]) == 64
    assert "secret" not in json.dumps(row)
    assert str(tmp_path) not in json.dumps(row)


@pytest.mark.slow
def test_a_model_folder_that_was_trained_anew_is_asked_anew(
    rearank: Run, candidates: Path, tmp_path: Path
) -> None:
    pytest.importorskip("transformers", reason="needs the extra local")
    model = tmp_path / "latest"
    shutil.copytree(DEMO_MODEL, model)
    trace = tmp_path / "trace.jsonl"
    options = f"--limit 1 --depth 12 --max-tokens 4 --max-malformed 100% --model {model} --trace {trace}"
    call = ["rerank", str(candidates), *options.split()]
    assert "windows 3:" in rearank(*call).stderr
    assert "windows 0:" in rearank(*call).stderr
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-400_000:] = bytes(400_000)
    (model / "model.safetensors").write_bytes(weights)
    anew = rearank(*call).stderr
    assert "was begun with another weights (" in anew
    assert "windows 3:" in anew
