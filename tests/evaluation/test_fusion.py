from pathlib import Path

import pytest

from rearank_cli.errors import UsageError
from rearank_cli.evaluation.choices import Fusion
from rearank_cli.evaluation.fusion import fuse
from rearank_cli.evaluation.rankings import Rankings
from rearank_cli.evaluation.runs import Run, without_ties
from tests import conftest

FIRST = Run("a", "dl19:bm25", Rankings.of({"q1": {"x": 3.0, "y": 2.0, "z": 1.0}, "q2": {"x": 1.0}}))
SECOND = Run("b", "dl19:bm25:model", Rankings.of({"q1": {"z": 9.0, "w": 8.0}}))


def test_reciprocal_ranks_are_summed() -> None:
    fused = list(fuse([FIRST, SECOND], Fusion.RRF))
    assert [(each.query.qid, each.tag) for each in fused] == [("q1", "dl19:rrf"), ("q2", "dl19:rrf")]
    assert [hit.docid for hit in fused[0].hits] == ["z", "x", "y", "w"]
    assert fused[0].hits[0].score == pytest.approx(1 / 63 + 1 / 61)


def test_a_foreign_tag_and_one_run() -> None:
    other = Run("b", "foreign", SECOND.scores)
    assert next(fuse([FIRST, other], Fusion.RRF)).tag == "-:rrf"
    with pytest.raises(UsageError, match="expected two runs or more, found 1"):
        fuse([FIRST], Fusion.RRF)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ranx_says_the_same_and_knows_more() -> None:
    ranx = pytest.importorskip("ranx")
    both = {"q1": FIRST.scores["q1"]}, SECOND.scores
    theirs = ranx.fuse(
        [ranx.Run.from_dict({qid: without_ties(row) for qid, row in scores.items()}) for scores in both],
        norm=None,
        method="rrf",
    ).to_dict()
    ours = {hit.docid: hit.score for hit in next(fuse([FIRST, SECOND], Fusion.RRF)).hits}
    assert ours == pytest.approx(theirs["q1"])
    fused = {each.query.qid: each.hits for each in fuse([FIRST, SECOND], Fusion.SUM)}
    assert {hit.docid: hit.score for hit in fused["q1"]} == {"x": 1.0, "z": 1.0, "y": 0.5, "w": 0.0}
    assert [hit.docid for hit in fused["q2"]] == ["x"]


@pytest.mark.slow
def test_without_a_home_that_can_be_written_runs_are_fused_all_the_same(
    rearank: conftest.Run, tmp_path: Path
) -> None:
    """As in a container without one (ir_datasets#237)."""
    pytest.importorskip("ranx")
    (tmp_path / "a").write_text("1 Q0 x 1 2 t\n1 Q0 y 2 1 t\n")
    done = rearank("evaluate", str(tmp_path / "a"), str(tmp_path / "a"), "--fuse", "sum", HOME="/dev/null")
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["x", "y"]
