"""What is said on stderr, where stderr itself fails."""

import json
from pathlib import Path

import pytest

from tests.conftest import Run

LINE = json.dumps(
    {"query": {"qid": "1", "text": "q"}, "candidates": [{"docid": d, "doc": f"text {d}"} for d in "ab"]}
)
RECORDED = json.dumps({"qid": "1", "docids": ["a", "b"], "completion": "<answer>[2] > [1]</answer>"})


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-"], ids=["full disk", "closed"])
def test_a_log_that_cannot_be_written_changes_neither_run_nor_status(
    shell: Run, tmp_path: Path, stderr: str
) -> None:
    (tmp_path / "in.jsonl").write_text(LINE, encoding="utf-8")
    (tmp_path / "answers.jsonl").write_text(RECORDED, encoding="utf-8")
    done = shell(f"rearank rerank in.jsonl --replay answers.jsonl --tag t {stderr}", cwd=tmp_path)
    assert done.stdout == "1 Q0 b 1 2 t\n1 Q0 a 2 1 t\n"
    shell(f"rearank rerank in.jsonl --replay nowhere.jsonl {stderr}", cwd=tmp_path, status=66)
