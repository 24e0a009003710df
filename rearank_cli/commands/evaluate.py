"""`rearank evaluate`: runs or candidates in, figures out."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rearank_cli.commands import evaluate_options as options
from rearank_cli.commands.named_files import of_dataset
from rearank_cli.commands.options import Judged, QrelsFile
from rearank_cli.console import note
from rearank_cli.errors import MissingInput, UsageError
from rearank_cli.evaluation.choices import Format, Fusion, Test
from rearank_cli.formats.draws import with_draws
from rearank_cli.formats.outputs import check_output
from rearank_cli.formats.overlaps import check_overlaps
from rearank_cli.formats.streams import open_sink, open_source
from rearank_cli.formats.trec import dataset_of, read_qrels, write_run

if TYPE_CHECKING:  # the wing loads numpy, which a help page must not wait for
    from ir_measures import Measure

    from rearank_cli.evaluation.costs import Cost
    from rearank_cli.evaluation.measures import Evaluation
    from rearank_cli.evaluation.report import Report
    from rearank_cli.evaluation.runs import Run
    from rearank_cli.evaluation.windows import Window
    from rearank_cli.records import Qrels


def evaluate(
    files: options.Files = None,
    *,
    metric: options.Metrics = None,
    qrels: QrelsFile = "",
    dataset: Judged = "",
    min_grade: options.MinGrade = 1,
    only_retrieved: options.OnlyRetrieved = False,
    per_query: options.PerQuery = False,
    baseline: options.Baseline = "",
    test: Annotated[Test, typer.Option(help="Paired test of each difference.")] = Test.STUDENT,
    trace: options.Traces = None,
    plot: options.Plot = "",
    show: options.Show = "",
    fuse: options.Fuse = None,
    layout: Annotated[Format, typer.Option("--format", help="What is written.")] = Format.TABLE,
) -> None:
    """Measure runs against judgements, as trec_eval does.

    Figures are averaged over every judged query. The judgements are those of --qrels or --dataset, or of the
    dataset that begins the run's tag.

    \b
    Example: rearank evaluate run.trec --metric ndcg@10
    """
    read = [("--baseline", baseline), ("--qrels", qrels), *(("--trace", path) for path in trace or ())]
    runs_read = [("a run", path) for path in files or ["-"]]
    check_overlaps(
        read=[*runs_read, *read, *of_dataset(dataset)], written=[("--plot", plot), ("stdout", "-")]
    )
    if fuse:
        figures = any((metric, qrels, dataset, baseline, trace, per_query, plot, show))
        _write_fused(files or ["-"], fuse, figures=figures)
        return
    from rearank_cli.evaluation import report, spellings

    wanted = spellings.all_of(metric or ["nDCG@10"], min_grade)
    kind = _kind(plot) if plot else ""
    if plot:
        check_output(plot)
    runs = _runs(files or ["-"], qrels, baseline, keep=show)
    if show:
        _page(show, runs, _grades(show, runs, qrels, dataset), trace or [])
        return
    judged, runs = _judgements(runs, qrels, dataset)
    evaluations = _evaluations(runs, judged, wanted, only_retrieved=only_retrieved)
    found = _report(evaluations, baseline, test, _costs(trace or [], runs), per_query=per_query)
    if plot:
        from rearank_cli.evaluation import plots

        with open_sink(plot) as sink:
            sink.write(plots.draw(plots.panels(runs, judged, found, only_retrieved=only_retrieved), kind))
    with open_sink("-") as sink:
        sink.write(report.write(found, layout).encode())


def _kind(plot: str) -> str:
    """Refuse what cannot be drawn before any work is done."""
    from rearank_cli.evaluation.plots import kind_of

    return kind_of(plot)


def _evaluations(
    runs: Sequence["Run"], judged: "Qrels", wanted: Sequence["Measure"], *, only_retrieved: bool
) -> list["Evaluation"]:
    """Measure the runs, and say what their reader should know."""
    from rearank_cli.evaluation import cautions, measures, spellings

    evaluations = [measures.evaluate(run, judged, wanted, only_retrieved=only_retrieved) for run in runs]
    for run, evaluation in zip(runs, evaluations, strict=True):
        for sentence in cautions.cautions(run, judged, evaluation, spellings.depth(wanted)):
            note(sentence)
    return evaluations


def _grades(qid: str, runs: list["Run"], qrels: str, dataset: str) -> Mapping[str, int]:
    """Return the grades of one query; none where nobody named judgements and the tag's are not there."""
    try:
        judged, _ = _judgements(runs, qrels, dataset)
    except MissingInput as error:
        if qrels or dataset:
            raise
        note(f"no grades are shown: {error}")
        return {}
    return judged.get(qid, {})


def _page(qid: str, runs: Sequence["Run"], grades: Mapping[str, int], traces: Sequence[str]) -> None:
    """Show one query: on a terminal in a pager, else as plain text."""
    from rearank_cli.evaluation.showing import plain, show
    from rearank_cli.evaluation.windows import read_windows

    windows: list[Window] = []
    for path in traces[-1:]:
        with open_source(path) as source:
            windows += (window for _, window in read_windows(source) if window.qid == qid)
    before = runs[0] if len(runs) > 1 else None
    shown = show(qid, before, runs[-1], grades, windows)
    if not sys.stdout.isatty():
        with open_sink("-") as sink:
            sink.write(plain(shown).encode())
        return
    from rich.console import Console

    os.environ.setdefault("LESS", "FRX")  # colours pass, and what fits the screen is not paged
    console = Console(highlight=False)
    with console.pager(styles=True):
        console.print(shown)


def _write_fused(files: Sequence[str], method: Fusion, *, figures: bool) -> None:
    from rearank_cli.evaluation.fusion import fuse

    if figures:
        raise UsageError("--fuse writes a run; pipe it into another `rearank evaluate` for its figures")
    fused = fuse(_runs(files), method)
    with open_sink("-") as sink:
        for candidates in fused:
            write_run(sink, candidates, candidates.tag)


def _report(
    evaluations: Sequence["Evaluation"],
    baseline: str,
    test: Test,
    costs: dict[str, "Cost"],
    *,
    per_query: bool,
) -> "Report":
    from rearank_cli.evaluation.comparison import compare
    from rearank_cli.evaluation.report import Report

    if not baseline:
        return Report(evaluations, costs=costs, per_query=per_query)
    first, *others = evaluations
    if not others:
        raise UsageError(f"--baseline {baseline}: expected another run to compare it with, found none")
    return Report(evaluations, first.name, test, compare(first, others, test), costs, per_query)


def _runs(files: Sequence[str], qrels: str = "", baseline: str = "", keep: str = "") -> list["Run"]:
    """Read the runs, the baseline first; of the query `keep` with its texts."""
    from rearank_cli.evaluation.runs import read_run

    paths = [*([baseline] if baseline else []), *(path for path in files if path != baseline)]
    if [*paths, qrels].count("-") > 1:
        raise UsageError("stdin (-) can be read once; name the other inputs as files")
    runs = []
    for path in paths:
        with open_source(path) as source:
            runs.append(read_run(source, keep))
    return runs


def _judgements(runs: list["Run"], qrels: str, dataset: str) -> tuple["Qrels", list["Run"]]:
    """Return the judgements, and the runs without what their dataset excludes."""
    if qrels and dataset:
        raise UsageError("--qrels and --dataset both name judgements; give one of them")
    drawn = [qid for run in runs for qid in run.scores]
    if qrels:
        with open_source(qrels) as source:
            return with_draws(read_qrels(source), drawn), runs
    from rearank_cli.datasets.judgements import excluded, judgements
    from rearank_cli.evaluation.runs import without_documents

    name = dataset or _dataset_of(runs)
    left_out = excluded(name)
    kept = [without_documents(run, left_out) for run in runs] if left_out else runs
    return with_draws(judgements(name), drawn), kept


def _dataset_of(runs: Sequence["Run"]) -> str:
    names = {run.name: dataset_of(run.tag) for run in runs}
    for run in runs:
        if not names[run.name]:
            raise MissingInput(
                f"{run.name}: its tag {run.tag!r} names no dataset, so that its judgements are unknown; "
                f"give them with --qrels FILE or --dataset NAME"
            )
    if len(set(names.values())) > 1:
        listed = ", ".join(f"{dataset} in {name}" for name, dataset in names.items())
        raise UsageError(
            f"runs of different datasets ({listed}) have no common judgements; evaluate them one by one"
        )
    return names[runs[0].name]


def _costs(traces: Sequence[str], runs: Sequence["Run"]) -> dict[str, "Cost"]:
    if not traces:
        return {}
    from rearank_cli.evaluation.costs import read_cost

    if len(traces) > len(runs):
        raise UsageError(f"expected at most one --trace a run ({len(runs)}), found {len(traces)}")
    costs = {}
    for path, run in zip(traces, runs[len(runs) - len(traces) :], strict=True):
        with open_source(path) as source:
            costs[run.name] = read_cost(source)
    return costs
