"""`rearank evaluate`: runs or candidates in, figures out."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from rearank_cli.console import note
from rearank_cli.errors import MissingInput, UsageError
from rearank_cli.formats.streams import open_sink, open_source
from rearank_cli.formats.trec import dataset_of, read_qrels

if TYPE_CHECKING:  # the wing loads numpy, which a help page must not wait for
    from rearank_cli.evaluation.measures import Evaluation
    from rearank_cli.evaluation.runs import Run
    from rearank_cli.records import Qrels

NAMED = 10  # missing queries that are named one by one


class Format(StrEnum):
    """How the figures are written."""

    TABLE = "table"
    TSV = "tsv"
    JSON = "json"


Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE", help="TREC runs or candidates (.gz too); nothing or - reads stdin."),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        "-m",
        metavar="MEASURE",
        help="May be repeated; as trec_eval, ir_measures or ranx spell it (ndcg_cut.10, nDCG@10, ndcg@10); "
        "nDCG@10 by default.",
    ),
]
QrelsFile = Annotated[str, typer.Option("--qrels", metavar="FILE", help="Judgements, TREC's or BEIR's.")]
Dataset = Annotated[
    str,
    typer.Option(
        "--dataset", metavar="NAME", help="Take its judgements, instead of those that the tag names."
    ),
]


def evaluate(
    files: Files = None,
    *,
    metric: Metrics = None,
    qrels: QrelsFile = "",
    dataset: Dataset = "",
    min_grade: Annotated[
        int, typer.Option(help="Lowest relevant grade where a measure knows only relevant or not.")
    ] = 1,
    only_retrieved: Annotated[
        bool,
        typer.Option("--only-retrieved", help="Average over the queries of the run alone, as trec_eval."),
    ] = False,
    per_query: Annotated[
        bool, typer.Option("--per-query", "-q", help="Show each query's figures too.")
    ] = False,
    layout: Annotated[Format, typer.Option("--format", help="What is written.")] = Format.TABLE,
) -> None:
    """Measure runs against judgements, as trec_eval does, averaged over every judged query.

    The judgements are those of --qrels or --dataset, or of the dataset that begins the run's tag.
    """
    from rearank_cli.evaluation import measures, report, spellings

    if min_grade < 1:
        raise UsageError(f"--min-grade {min_grade}: a grade below 1 is never relevant; expected 1 or more")
    wanted = [one for name in metric or ["nDCG@10"] for one in spellings.measures_of(name, min_grade)]
    runs = _runs(files or ["-"], qrels)
    judged, runs = _judgements(runs, qrels, dataset)
    evaluations = [measures.evaluate(run, judged, wanted, only_retrieved=only_retrieved) for run in runs]
    for evaluation in evaluations:
        _note_missing(evaluation, only_retrieved=only_retrieved)
    write = {Format.TABLE: report.table, Format.TSV: report.tsv, Format.JSON: report.json}[layout]
    with open_sink("-") as sink:
        sink.write(write(evaluations, per_query=per_query).encode())


def _runs(files: Sequence[str], qrels: str) -> list["Run"]:
    from rearank_cli.evaluation.runs import read_run

    if [*files, qrels].count("-") > 1:
        raise UsageError("stdin (-) can be read once; name the other inputs as files")
    runs = []
    for path in files:
        with open_source(path) as source:
            runs.append(read_run(source))
    return runs


def _judgements(runs: list["Run"], qrels: str, dataset: str) -> tuple["Qrels", list["Run"]]:
    """Return the judgements, and the runs without what their dataset excludes."""
    from rearank_cli.datasets.judgements import excluded, judgements
    from rearank_cli.evaluation.runs import without_documents

    if qrels and dataset:
        raise UsageError("--qrels and --dataset both name judgements; give one of them")
    if qrels:
        with open_source(qrels) as source:
            return read_qrels(source), runs
    name = dataset or _dataset_of(runs)
    left_out = excluded(name)
    return judgements(name), [without_documents(run, left_out) for run in runs] if left_out else runs


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


def _note_missing(evaluation: "Evaluation", *, only_retrieved: bool) -> None:
    missing = evaluation.missing
    if not missing:
        return
    named = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
    count = "are left out of the averages" if only_retrieved else "count 0"
    judged = len({*missing, *evaluation.queries})
    note(f"{evaluation.name}: {len(missing)} of {judged} judged queries are missing and {count}: {named}")
