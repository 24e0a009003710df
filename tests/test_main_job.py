"""The main job on real input: recorded answers of real models give the runs that their authors published."""

from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.mark.parametrize(
    ("model", "clean", "repaired", "empty"),
    [("rankvicuna", 387, 0, 0), ("checkpoint800", 220, 167, 0), ("vicuna13b", 0, 386, 1)],
)
def test_recorded_answers_give_the_published_run(
    rearank: Run, shared: Path, model: str, clean: int, repaired: int, empty: int
) -> None:
    recorded = shared / "dl19" / f"{model}.completions.jsonl"
    done = rearank(
        "rerank", str(shared / "dl19" / "bm25.json"), "--engine", "replay", "--replay", str(recorded)
    )
    assert f"windows 387: {clean} clean, {repaired} repaired, 0 truncated, {empty} empty" in done.stderr
    published = (shared / "dl19" / f"{model}.run.trec").read_text(encoding="utf-8").splitlines()
    ours = [line.split() for line in done.stdout.splitlines()]
    assert [(line[0], line[2]) for line in ours] == [(line.split()[0], line.split()[2]) for line in published]
    assert {line[5] for line in ours} == {f"-:bm25:replay={model}"}
