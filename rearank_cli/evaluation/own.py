"""The few measures that are computed here, because the libraries' figures are not those of trec_eval today."""

import math
from collections.abc import Callable, Mapping, Sequence

from ir_measures import Measure

from rearank_cli.evaluation.rankings import Ranking

Grades = Mapping[str, int]
Values = dict[Measure, float]


def is_own(measure: Measure) -> bool:
    """Return whether a measure is computed here.

    NumQ, NumRel and NumRet count for a query that the run lacks too (trec_eval -c), where ir_measures says
    0. IPrec takes round(recall * relevant) documents since trec_eval 10; pytrec_eval adds 0.9 and cuts.
    """
    return measure.NAME in _BY_NAME


def own_values(measures: Sequence[Measure], grades: Grades, ranking: Ranking) -> Values:
    """Return the values of these measures for one query; the ranking is empty where the run lacks it."""
    order = list(ranking)
    return {measure: _BY_NAME[measure.NAME](measure, grades, order) for measure in measures}


def _queries(measure: Measure, grades: Grades, order: Sequence[str]) -> float:
    return 1.0


def _relevant(measure: Measure, grades: Grades, order: Sequence[str]) -> float:
    return float(sum(grade >= measure["rel"] for grade in grades.values()))


def _retrieved(measure: Measure, grades: Grades, order: Sequence[str]) -> float:
    if "rel" not in measure.params:
        return float(len(order))
    return float(sum(grades.get(docid, 0) >= measure["rel"] for docid in order))


def _interpolated_precision(measure: Measure, grades: Grades, order: Sequence[str]) -> float:
    """The best precision at any relevant document from the one on that reaches the recall."""
    seen = [docid for docid in order if grades.get(docid, -1) >= 0] if measure["judged_only"] else order
    ranks = [rank for rank, docid in enumerate(seen, 1) if grades.get(docid, 0) >= measure["rel"]]
    needed = max(1, math.floor(measure["recall"] * _relevant(measure, grades, order) + 0.5))
    return max((count / ranks[count - 1] for count in range(needed, len(ranks) + 1)), default=0.0)


_BY_NAME: dict[str, Callable[[Measure, Grades, Sequence[str]], float]] = {
    "NumQ": _queries,
    "NumRel": _relevant,
    "NumRet": _retrieved,
    "IPrec": _interpolated_precision,
}
