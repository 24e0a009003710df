"""Evaluations as text: a table for people, TSV and JSON for programs."""

from collections.abc import Sequence
from pathlib import PurePath

import orjson

from rearank_cli.evaluation.measures import Evaluation

MANY = 8  # measures; more than these stand one a line, since one a column would not fit a terminal
ALL = "all"


def figure(measure: str, value: float) -> str:
    """Return a metric as it is printed: four decimals, counts as whole numbers.

    >>> figure("nDCG@10", 0.66821), figure("NumRet", 1500.0)
    ('0.6682', '1500')
    """
    return f"{value:.0f}" if measure.startswith("Num") else f"{value:.4f}"


def table(evaluations: Sequence[Evaluation], *, per_query: bool = False) -> str:
    """Return aligned plain text: one line a run (or a query of a run), one column a measure.

    More than eight measures stand one a line instead, and the runs or queries are the columns.
    """
    measures = list(evaluations[0].means)
    names = short([evaluation.name for evaluation in evaluations])
    rows = [["run", *(["query"] if per_query else []), "queries", *measures]]
    for name, evaluation in zip(names, evaluations, strict=True):
        head = [name]
        if per_query:
            for qid in evaluation.queries:
                values = [figure(measure, evaluation.per_query[measure][qid]) for measure in measures]
                rows.append([*head, qid, "", *values])
            head.append(ALL)
        values = [figure(measure, evaluation.means[measure]) for measure in measures]
        rows.append([*head, str(len(evaluation.queries)), *values])
    texts = 2 if per_query else 1
    if len(measures) > MANY and not per_query:
        return aligned([list(row) for row in zip(*rows, strict=True)], texts=1)
    return aligned(rows, texts=texts)


def short(paths: Sequence[str]) -> list[str]:
    """Return the names of files without their folders, where that keeps them apart.

    >>> short(["a/bm25.trec", "b/r1.trec"]), short(["a/run.trec", "b/run.trec"])
    (['bm25.trec', 'r1.trec'], ['a/run.trec', 'b/run.trec'])
    """
    names = [PurePath(path).name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)


def aligned(rows: Sequence[Sequence[str]], texts: int) -> str:
    """Return the rows in columns two blanks apart: the first `texts` to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if place < texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "".join(line.rstrip() + "\n" for line in lines)


def tsv(evaluations: Sequence[Evaluation], *, per_query: bool = False) -> str:
    """Return a header and one line a figure: run, query (`all` for the average), measure, value."""
    lines = ["run\tquery\tmeasure\tvalue"]
    for evaluation in evaluations:
        for measure, mean in evaluation.means.items():
            if per_query:
                lines += (
                    f"{evaluation.name}\t{qid}\t{measure}\t{figure(measure, value)}"
                    for qid, value in evaluation.per_query[measure].items()
                )
            lines.append(f"{evaluation.name}\t{ALL}\t{measure}\t{figure(measure, mean)}")
    return "".join(line + "\n" for line in lines)


def json(evaluations: Sequence[Evaluation], *, per_query: bool = False) -> str:
    """Return one JSON object with the figures unrounded; `per_query` adds qid -> measure -> value."""
    runs = []
    for evaluation in evaluations:
        run: dict[str, object] = {
            "name": evaluation.name,
            "measures": evaluation.means,
            "queries": len(evaluation.queries),
            "missing": evaluation.missing,
        }
        if per_query:
            run["per_query"] = {
                qid: {measure: values[qid] for measure, values in evaluation.per_query.items()}
                for qid in evaluation.queries
            }
        runs.append(run)
    return orjson.dumps({"runs": runs}, option=orjson.OPT_APPEND_NEWLINE).decode()
