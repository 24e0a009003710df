"""Figures to look at: differences by query, nDCG by depth, reasoning length against quality."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import PurePath
from typing import TypeAlias

from rearank_cli.errors import Unavailable, UsageError
from rearank_cli.evaluation.costs import Cost
from rearank_cli.evaluation.measures import Evaluation, evaluate
from rearank_cli.evaluation.report import Report, short
from rearank_cli.evaluation.runs import Run
from rearank_cli.evaluation.spellings import measures_of
from rearank_cli.records import Qrels

# The same data make the same file: without the date.
UNDATED: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
DEPTHS = (1, 3, 5, 10, 20, 30, 50, 100)
Points: TypeAlias = tuple[list[float], list[float]]
"""x and y of a line or of a cloud."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines, or clouds of points, by run; `log` where each step across doubles or so."""

    title: str
    across: str
    up: str
    runs: dict[str, Points]
    cloud: bool = False
    log: bool = False


def kind_of(path: str) -> str:
    """Return png, svg or pdf. Raises UsageError for another ending, Unavailable without matplotlib."""
    kind = PurePath(path).suffix.removeprefix(".").lower()
    if kind not in UNDATED:
        raise UsageError(f"--plot {path}: expected a name that ends in .png, .svg or .pdf")
    if find_spec("matplotlib") is None:
        raise Unavailable("--plot needs matplotlib: pip install 'rearank[compare]'")
    return kind


def panels(runs: Sequence[Run], qrels: Qrels, report: Report, *, only_retrieved: bool = False) -> list[Panel]:
    """Return what a report has to show, in its first measure: a baseline's differences, a trace's tokens."""
    evaluations = report.evaluations
    measure = next(iter(evaluations[0].means))
    first = short([each.name for each in evaluations])[0]
    compared = differences(evaluations, measure) if report.baseline else {}
    return [
        Panel(f"{measure} against {first}", "queries, best first", "difference", compared),
        Panel("nDCG by depth", "depth", "nDCG", by_depth(runs, qrels, only_retrieved=only_retrieved), log=True),
        Panel(
            f"{measure} by length", "tokens written for the query", measure,
            by_length(evaluations, report.costs, measure), cloud=True,
        ),
    ]  # fmt: skip


def differences(evaluations: Sequence[Evaluation], measure: str) -> dict[str, Points]:
    """Return, by run, each query's difference from the first evaluation, the greatest first."""
    first, *others = evaluations
    found = {}
    for other in others:
        both = [qid for qid in first.queries if qid in other.per_query[measure]]
        values = [other.per_query[measure][qid] - first.per_query[measure][qid] for qid in both]
        found[other.name] = [float(place) for place in range(1, len(both) + 1)], sorted(values, reverse=True)
    return found


def by_depth(runs: Sequence[Run], qrels: Qrels, *, only_retrieved: bool = False) -> dict[str, Points]:
    """Return, by run, nDCG@k for k from 1 to 100."""
    measures = [measure for depth in DEPTHS for measure in measures_of(f"nDCG@{depth}")]
    found = {}
    for run in runs:
        means = evaluate(run, qrels, measures, only_retrieved=only_retrieved).means
        found[run.name] = [float(depth) for depth in DEPTHS], [means[f"nDCG@{depth}"] for depth in DEPTHS]
    return found


def by_length(
    evaluations: Sequence[Evaluation], costs: Mapping[str, Cost], measure: str
) -> dict[str, Points]:
    """Return, by run that has a trace with tokens in it, those written for a query against its metric."""
    found = {}
    for evaluation in evaluations:
        written = costs[evaluation.name].written if evaluation.name in costs else {}
        if any(written.values()):
            both = [qid for qid in evaluation.queries if qid in written]
            values = [evaluation.per_query[measure][qid] for qid in both]
            found[evaluation.name] = [float(written[qid]) for qid in both], values
    return found


def draw(panels: Sequence[Panel], kind: str) -> bytes:
    """Return a picture (png, svg or pdf) of the panels that have points, side by side."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "rearank"  # else each file has ids of its own
    from matplotlib import pyplot

    shown = [panel for panel in panels if panel.runs]
    figure, axes = pyplot.subplots(
        1, len(shown), figsize=(5 * len(shown), 4), squeeze=False, layout="constrained"
    )
    names = list(dict.fromkeys(run for panel in shown for run in panel.runs))
    colours = {run: f"C{place}" for place, run in enumerate(names)}
    labels = dict(zip(names, short(names), strict=True))
    lines = {}
    for axis, panel in zip(axes[0], shown, strict=True):
        style = "none" if panel.cloud else "-"
        for run, (x, y) in panel.runs.items():
            (lines[labels[run]],) = axis.plot(x, y, marker=".", linestyle=style, color=colours[run])
        axis.set(title=panel.title, xlabel=panel.across, ylabel=panel.up)
        if panel.log:
            axis.set_xscale("log")
            axis.set_xticks(DEPTHS, [str(depth) for depth in DEPTHS])
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=3, fontsize="small")
    packed = BytesIO()
    figure.savefig(packed, format=kind, metadata=UNDATED[kind])
    pyplot.close(figure)
    return packed.getvalue()
