"""Evaluations, comparisons and costs in the layouts that are offered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath

import orjson

from rearank_cli.evaluation.choices import Format, Test
from rearank_cli.evaluation.comparison import Difference
from rearank_cli.evaluation.costs import Cost
from rearank_cli.evaluation.layouts import Rows, aligned, latex, markdown, tsv
from rearank_cli.evaluation.measures import Evaluation

MANY = 8  # measures; more than these stand one a line, since one a column would not fit a terminal
ALL = "all"
SIGNIFICANT = 0.05
NAMES = {
    Test.STUDENT: "paired t-test",
    Test.FISHER: "Fisher's paired randomisation test",
    Test.BOOTSTRAP: "paired bootstrap test",
}
LEAST = 0.0001  # p-values below are not told apart


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be written: evaluations in their order, the differences from `baseline`, costs by run."""

    evaluations: Sequence[Evaluation]
    baseline: str = ""
    test: Test = Test.NONE
    differences: Sequence[Difference] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)
    per_query: bool = False


def write(report: Report, layout: Format) -> str:
    """Return the report in a layout."""
    match layout:
        case Format.JSON:
            return _json(report)
        case Format.TSV:
            return tsv(_long(report))
        case Format.MARKDOWN:
            return _tables(report, markdown) + _legend(report, "\n{}\n")
        case Format.LATEX:
            return _tables(report, latex) + _legend(report, "% {}\n")
        case Format.TABLE:
            return _table(report)


def figure(measure: str, value: float) -> str:
    """Return a metric as it is printed: four decimals, counts as whole numbers.

    >>> figure("nDCG@10", 0.66821), figure("NumRet", 1500.0)
    ('0.6682', '1500')
    """
    return f"{value:.0f}" if measure.startswith("Num") else f"{value:.4f}"


def short(paths: Sequence[str]) -> list[str]:
    """Return the names of files without their folders, where that keeps them apart.

    >>> short(["a/bm25.trec", "b/r1.trec"]), short(["a/run.trec", "b/run.trec"])
    (['bm25.trec', 'r1.trec'], ['a/run.trec', 'b/run.trec'])
    """
    names = [PurePath(path).name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)


def _texts(report: Report) -> int:
    return 2 if report.per_query else 1


def _table(report: Report) -> str:
    rows = _wide(replace(report, differences=()))
    if len(report.evaluations[0].means) > MANY and not report.per_query:
        text = aligned([list(row) for row in zip(*rows, strict=True)], texts=1)
    else:
        text = aligned(rows, texts=_texts(report))
    return f"{text}\n{aligned(_comparison(report), texts=2)}" if report.differences else text


def _tables(report: Report, table: Callable[[Rows, int], str]) -> str:
    """The figures, and below them the differences."""
    text = table(_wide(report), _texts(report))
    return f"{text}\n{table(_comparison(report), 2)}" if report.differences else text


def _wide(report: Report) -> list[list[str]]:
    """One line a run (or a query of a run), one column a measure; a dagger marks a significant difference."""
    evaluations, measures = report.evaluations, list(report.evaluations[0].means)
    marked = {(each.run, each.measure) for each in report.differences if _significant(each)}
    headings = [heading for cost in report.costs.values() for heading in cost.columns()]
    extra = list(dict.fromkeys(headings))
    query = ["query"] if report.per_query else []
    rows = [["run", *query, "queries", *measures, *extra]]
    for name, evaluation in zip(short([each.name for each in evaluations]), evaluations, strict=True):
        if report.per_query:
            for qid in evaluation.queries:
                values = [figure(measure, evaluation.per_query[measure][qid]) for measure in measures]
                rows.append([name, qid, "", *values, *([""] * len(extra))])
        means = [
            figure(measure, evaluation.means[measure]) + "†" * ((evaluation.name, measure) in marked)
            for measure in measures
        ]
        cost = report.costs.get(evaluation.name)
        paid = [cost.columns()[heading] if cost else "-" for heading in extra]
        rows.append([name, *([ALL] if query else []), str(len(evaluation.queries)), *means, *paid])
    return rows


def _significant(difference: Difference) -> bool:
    return difference.chance is not None and difference.chance.holm < SIGNIFICANT


def _legend(report: Report, frame: str) -> str:
    if report.test is Test.NONE:
        return ""
    count = len(report.differences)
    return frame.format(
        f"† p < {SIGNIFICANT} against {short([report.baseline])[0]}: {NAMES[report.test]}, "
        f"Holm's correction for {count} comparison{'s' * (count > 1)}"
    )


def _comparison(report: Report) -> list[list[str]]:
    names = dict(
        zip(
            [each.name for each in report.evaluations],
            short([each.name for each in report.evaluations]),
            strict=True,
        )
    )
    tested = report.test is not Test.NONE
    against = f"against {names[report.baseline]}"
    rows = [
        [against, "measure", "difference", *(["95 % interval"] if tested else []), "wins", "ties", "losses"]
    ]
    rows[0] += ["p", "p (Holm)"] if tested else []
    for each in report.differences:
        row = [names[each.run], each.measure, f"{each.mean:+.4f}"]
        counts = [str(each.wins), str(each.ties), str(each.losses)]
        if each.chance:
            row += [f"{each.chance.low:+.4f} {each.chance.high:+.4f}", *counts]
            row += [_p(each.chance.p), _p(each.chance.holm)]
        else:
            row += counts
        rows.append(row)
    return rows


def _p(value: float) -> str:
    """Return a p-value as it is printed; none is 0."""
    return f"{value:.4f}" if value >= LEAST else f"<{LEAST}"


def _long(report: Report) -> list[list[str]]:
    """A heading and one line a figure: run, query (`all` for the average), measure, value."""
    rows = [["run", "query", "measure", "value"]]
    for evaluation in report.evaluations:
        for measure, mean in evaluation.means.items():
            if report.per_query:
                values = evaluation.per_query[measure].items()
                rows += ([evaluation.name, qid, measure, figure(measure, value)] for qid, value in values)
            rows.append([evaluation.name, ALL, measure, figure(measure, mean)])
        cost = report.costs.get(evaluation.name)
        rows += ([evaluation.name, ALL, *pair] for pair in (cost.columns().items() if cost else ()))
    for each in report.differences:
        parts = {"difference": each.mean, "wins": each.wins, "ties": each.ties, "losses": each.losses}
        parts |= asdict(each.chance) if each.chance else {}
        for part, value in parts.items():
            rows.append([each.run, ALL, f"{each.measure} {part}", _part(part, value)])
    return rows


def _part(name: str, value: float) -> str:
    """Return a part of a difference as it is printed: counts whole, p-values to six digits, the rest as figures.

    >>> _part("wins", 36), _part("p", 1.25e-9), _part("low", 0.12345)
    ('36', '1.25e-09', '0.1235')
    """
    return (
        f"{value}" if isinstance(value, int) else f"{value:.6g}" if name in ("p", "holm") else f"{value:.4f}"
    )


def _json(report: Report) -> str:
    """One object with the figures unrounded."""
    runs = []
    for evaluation in report.evaluations:
        run: dict[str, object] = {
            "name": evaluation.name,
            "measures": evaluation.means,
            "queries": len(evaluation.queries),
            "missing": evaluation.missing,
        }
        if report.per_query:
            run["per_query"] = {
                qid: {measure: values[qid] for measure, values in evaluation.per_query.items()}
                for qid in evaluation.queries
            }
        own = [each for each in report.differences if each.run == evaluation.name]
        if own:
            run["differences"] = {each.measure: _object(each) for each in own}
        if evaluation.name in report.costs:
            run["cost"] = asdict(report.costs[evaluation.name])
        runs.append(run)
    whole: dict[str, object] = {"runs": runs}
    if report.baseline:
        whole |= {"baseline": report.baseline, "test": report.test}
    return orjson.dumps(whole, option=orjson.OPT_APPEND_NEWLINE).decode()


def _object(difference: Difference) -> dict[str, object]:
    parts = asdict(difference)
    chance = parts.pop("chance") or {}
    return {name: part for name, part in parts.items() if name not in ("run", "measure")} | chance
