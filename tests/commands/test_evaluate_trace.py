"""`rearank evaluate --trace`: what a run cost, beside its figures."""

import json
from pathlib import Path

from tests.conftest import Run


def test_the_cost_beside_the_figures(rearank: Run, tmp_path: Path) -> None:
    qrels, run = str(tmp_path / "qrels.txt"), str(tmp_path / "run.trec")
    Path(qrels).write_text("q1 0 a 2\nq1 0 b 0\nq2 0 c 1\n")
    Path(run).write_text("q1 Q0 b 1 3.0 -:x\nq1 Q0 a 2 2.0 -:x\nq2 Q0 c 1 1.0 -:x\n")
    outcomes = (("q1", "clean"), ("q1", "truncated"), ("q2", "repaired"), ("q2", "failed"))
    rows: list[dict[str, object]] = [{"rearank": "0", "asked": {}}]
    for qid, outcome in outcomes:
        rows.append(
            {"qid": qid, "docids": ["a"], "completion": "", "outcome": outcome, "prompt_tokens": 100,
             "output_tokens": 30, "seconds": 0.5}
        )  # fmt: skip
    trace = tmp_path / "trace.jsonl"
    trace.write_text("".join(json.dumps(row) + "\n" for row in rows))
    args = "evaluate", run, run.replace("run.trec", "./run.trec"), "--qrels", qrels, "--trace", str(trace)
    lines = [line.split() for line in rearank(*args).stdout.splitlines()]
    assert lines[0][3:] == ["calls/q", "read/q", "written/q", "s/q", "malformed", "repaired", "failed"]
    assert lines[1][3:] == ["-"] * 7
    assert lines[2][3:] == ["2.0", "200", "60", "1.0", "0.2500", "0.2500", "0.2500"]
    found = json.loads(rearank(*args, "--format", "json").stdout)["runs"][1]["cost"]
    assert (found["calls"], found["malformed"], found["written"]) == (2.0, 0.25, {"q1": 60, "q2": 60})
    trace.write_text(json.dumps({**rows[1], "seconds": {"a": 1}}))
    done = rearank("evaluate", run, "--qrels", qrels, "--trace", str(trace), status=65)
    assert done.stderr.splitlines()[-1].startswith(f'rearank: {trace}:1: expected "seconds" as a number')
    (tmp_path / "empty").write_text("{}\n")
    done = rearank("evaluate", run, "--qrels", qrels, "--trace", str(tmp_path / "empty"), status=65)
    assert "expected a trace, found no line with a completion" in done.stderr
