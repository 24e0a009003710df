"""The main job on real input: recorded answers of real models give the runs that their authors published."""

from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.mark.parametrize(
    ("model", "outcomes"),
    [
        ("rankvicuna", "387 clean, 0 repaired, 0 truncated, 0 empty"),
        ("checkpoint800", "220 clean, 167 repaired, 0 truncated, 0 empty"),
        ("vicuna13b", "1 clean, 0 repaired, 385 partial, 0 truncated, 1 empty"),
    ],
)
def test_recorded_answers_give_the_published_run(
    rearank: Run, shared: Path, model: str, outcomes: str
) -> None:
    recorded = shared / "dl19" / f"{model}.completions.jsonl"
    done = rearank(
        "rerank", str(shared / "dl19" / "bm25.json"), "--engine", "replay", "--replay", str(recorded)
    )
    assert f"windows 387: {outcomes};" in done.stderr
    published = (shared / "dl19" / f"{model}.run.trec").read_text(encoding="utf-8").splitlines()
    ours = [line.split() for line in done.stdout.splitlines()]
    assert [(line[0], line[2]) for line in ours] == [(line.split()[0], line.split()[2]) for line in published]
    assert {line[5] for line in ours} == {f"-:bm25:replay={model}"}
