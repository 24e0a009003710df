"""Figures of a run: per query by ir_measures over trec_eval's own code, and their means."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import ir_measures
from ir_measures import Measure

from rearank_cli.errors import DataError, Unavailable
from rearank_cli.evaluation.own import is_own, own_values
from rearank_cli.evaluation.runs import Run, without_ties
from rearank_cli.evaluation.spellings import GREATEST_GAIN
from rearank_cli.records import Qrels

# ir_measures' own choice without gdeval (takes numbers as qids only), ranx (breaks ties by chance, starts in
# seconds) and pyndeval (wants judgements by subtopic).
_OTHERS = ir_measures.providers.FallbackProvider(
    [ir_measures.cwl_eval, ir_measures.compat, ir_measures.judged, ir_measures.msmarco, ir_measures.accuracy]
)
AT_ONCE = 16  # queries: of a thousand documents each, they stay near the processor


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of one run.

    `per_query` is measure -> qid -> value for the queries averaged over; `missing` are judged queries that
    the run does not answer.
    """

    name: str
    means: Mapping[str, float]
    per_query: Mapping[str, Mapping[str, float]]
    queries: tuple[str, ...]
    missing: tuple[str, ...]


def evaluate(
    run: Run, qrels: Qrels, measures: Sequence[Measure], *, only_retrieved: bool = False
) -> Evaluation:
    """Return the figures of a run, averaged over every judged query: one that the run lacks counts 0.

    `only_retrieved` averages over the queries that the run answers, as trec_eval does without -c. Counts
    (NumRet, NumRel, NumQ) are summed, as trec_eval does.

    Raises:
        DataError: no query of the run is judged, or a grade is too high for a measure.
        Unavailable: a measure needs software that is not installed.
    """
    judged = {qid: _dictionary(grades) for qid, grades in qrels.items() if grades}
    missing = tuple(qid for qid in judged if qid not in run.scores)
    if len(missing) == len(judged):
        raise DataError(
            f"{run.name}: none of its {len(run.scores)} queries is among the {len(judged)} judged ones "
            f"({_example(run.scores)} against {_example(judged)}); are these judgements of another collection?"
        )
    queries = tuple(qid for qid in judged if not only_retrieved or qid in run.scores)
    per_query: dict[str, dict[str, float]] = {}
    means: dict[str, float] = {}
    for measure, values in _values(run, judged, measures).items():
        per_query[str(measure)] = {qid: values[qid] for qid in queries}
        aggregator = measure.aggregator()
        for qid in queries:
            aggregator.add(values[qid])
        means[str(measure)] = aggregator.result()
    return Evaluation(run.name, means, per_query, queries, missing)


def _dictionary(grades: Mapping[str, int]) -> dict[str, int]:
    """Return what trec_eval's code takes; judgements may be many, and are not copied if they are that already."""
    return grades if isinstance(grades, dict) else dict(grades)


def _example(queries: Mapping[str, object]) -> str:
    return f"{next(iter(queries))!r} ..."


def _values(
    run: Run, judged: dict[str, dict[str, int]], measures: Sequence[Measure]
) -> dict[Measure, dict[str, float]]:
    """Return measure -> qid -> value for every judged query, in the order of the measures."""
    values: dict[Measure, dict[str, float]] = {measure: dict.fromkeys(judged, 0.0) for measure in measures}
    own: list[Measure] = []
    exact: dict[Measure, Measure] = {}
    others: list[Measure] = []
    for measure in values:
        if is_own(measure):
            own.append(measure)
        elif ir_measures.pytrec_eval.supports(form := _in_trec_eval(measure, judged)):
            exact[form] = measure
        elif _OTHERS.supports(measure):
            others.append(measure)
        else:
            raise Unavailable(f"measure {measure}: {_cure(measure)}")
    for qid, grades in judged.items() if own else ():
        for measure, value in own_values(own, grades, run.scores.get(qid, {})).items():
            values[measure][qid] = value
    # A measure's hash is that of its text, made anew each time: too slow for each of many figures.
    targets = {id(form): values[measure] for form, measure in exact.items()}
    for metric in _by_trec_eval(list(exact), judged, run) if exact else ():
        targets[id(metric.measure)][metric.query_id] = metric.value
    for metric in _by_others(others, judged, run) if others else ():
        values[metric.measure][metric.query_id] = metric.value
    return values


def _by_trec_eval(
    measures: list[Measure], judged: dict[str, dict[str, int]], run: Run
) -> Iterator[ir_measures.Metric]:
    """Yield the figures of the queries that the run answers.

    A query whose every grade is negative is left out: trec_eval would read memory that is not its own.
    """
    sound = {qid: grades for qid, grades in judged.items() if max(grades.values()) >= 0}
    evaluator = ir_measures.pytrec_eval.evaluator(measures, sound)
    outlines = run.scores.outlines(sound)
    while some := dict(islice(outlines, AT_ONCE)):
        for invoker in evaluator.invokers:
            yield from invoker.iter_calc(some)


def _by_others(
    measures: list[Measure], judged: dict[str, dict[str, int]], run: Run
) -> Iterator[ir_measures.Metric]:
    """These break ties their own way, and some would take a negative grade as a gain."""
    rest = iter(judged)
    while some := list(islice(rest, AT_ONCE)):
        gains = {qid: {docid: max(grade, 0) for docid, grade in judged[qid].items()} for qid in some}
        plain = {qid: without_ties(run.scores[qid]) for qid in some if qid in run.scores}
        yield from _OTHERS.evaluator(measures, gains).iter_calc(plain)


def _in_trec_eval(measure: Measure, judged: Mapping[str, Mapping[str, int]]) -> Measure:
    """Return the measure as trec_eval can compute it: nDCG of 2^grade - 1 is nDCG of other gains.

    Raises:
        DataError: a grade makes a gain of more than `GREATEST_GAIN`.
    """
    if measure.NAME != "nDCG" or measure["dcg"] != "exp-log2":
        return measure
    grades = {grade for of_query in judged.values() for grade in of_query.values() if grade > 0}
    highest = max(grades, default=0)
    if 2**highest > GREATEST_GAIN:
        raise DataError(
            f"measure {measure}: expected grades of at most {GREATEST_GAIN.bit_length() - 1}, since a gain is "
            f"2^grade - 1, found a grade of {highest}; take nDCG, whose gains are the grades"
        )
    rest = {name: value for name, value in measure.params.items() if name != "dcg"}
    return ir_measures.nDCG(**rest, gains={grade: 2**grade - 1 for grade in grades})


def _cure(measure: Measure) -> str:
    for provider in _OTHERS.providers:
        if provider.supports(measure) and provider.install_instructions():
            return f"it needs software that is not installed; {provider.install_instructions()}"
    return "nothing that works with rearank computes it; take another"
