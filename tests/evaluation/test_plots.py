from dataclasses import replace

import pytest

from rearank_cli.errors import UsageError
from rearank_cli.evaluation.choices import Test as Paired
from rearank_cli.evaluation.comparison import compare
from rearank_cli.evaluation.costs import Cost
from rearank_cli.evaluation.measures import evaluate
from rearank_cli.evaluation.plots import draw, kind_of, panels
from rearank_cli.evaluation.rankings import Rankings
from rearank_cli.evaluation.report import Report
from rearank_cli.evaluation.runs import Run
from rearank_cli.evaluation.spellings import measures_of

pytest.importorskip("matplotlib")

QRELS = {"q1": {"a": 1}, "q2": {"a": 1}}
BEFORE = Run("before", "", Rankings.of({"q1": {"b": 2.0, "a": 1.0}, "q2": {"a": 1.0}}))
AFTER = Run("after", "", Rankings.of({"q1": {"a": 2.0, "b": 1.0}, "q2": {"b": 2.0, "a": 1.0}}))


def cost_of(prompt_tokens: float, written: dict[str, int]) -> Cost:
    return Cost(
        queries=2, calls=1.0, prompt_tokens=prompt_tokens, output_tokens=sum(written.values()) / 2, seconds=1.0,
        malformed=0.0, repaired=0.0, failed=0.0, written=written,
    )  # fmt: skip


def report(*, whole: bool) -> Report:
    evaluations = [evaluate(run, QRELS, measures_of("RR")) for run in (BEFORE, AFTER)]
    cost = cost_of(10.0, {"q1": 50, "q2": 10})
    compared = compare(evaluations[0], evaluations[1:], Paired.NONE)
    return (
        Report(evaluations, "before", Paired.NONE, compared, {"after": cost})
        if whole
        else Report(evaluations)
    )


def test_what_is_drawn() -> None:
    first, second, third = panels([BEFORE, AFTER], QRELS, report(whole=True))
    assert first.runs == {"after": ([1.0, 2.0], [0.5, -0.5])}
    assert second.runs["before"][1][:2] == [0.5, pytest.approx((1 + 1 / 1.584962500721156) / 2)]
    assert third.runs == {"after": ([50.0, 10.0], [1.0, 0.5])}
    replayed = replace(report(whole=True), costs={"after": cost_of(0.0, {"q1": 0, "q2": 0})})
    assert panels([BEFORE, AFTER], QRELS, replayed)[2].runs == {}
    plain = panels([BEFORE, AFTER], QRELS, report(whole=False))
    assert [bool(panel.runs) for panel in plain] == [False, True, False]


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_picture_is_of_its_kind_and_the_same_twice(kind: str, start: bytes) -> None:
    drawn = [draw(panels([BEFORE, AFTER], QRELS, report(whole=True)), kind) for _ in range(2)]
    assert drawn[0].startswith(start)
    assert drawn[0] == drawn[1]


def test_another_ending_is_refused() -> None:
    assert kind_of("a/b.PNG") == "png"
    with pytest.raises(UsageError, match=r"expected a name that ends in .png, .svg or .pdf"):
        kind_of("plot.jpg")
