"""Runs against a baseline, query by query."""

from collections.abc import Sequence
from dataclasses import dataclass

from rearank_cli.errors import UsageError
from rearank_cli.evaluation.choices import Test
from rearank_cli.evaluation.measures import Evaluation
from rearank_cli.evaluation.statistics import holm, interval, p_value

ALIKE = 1e-9  # a difference below is a tie: figures are sums of floats


@dataclass(frozen=True, slots=True)
class Chance:
    """What a test says of a difference: 95 % interval of the mean, p, and p after Holm's correction."""

    low: float
    high: float
    p: float
    holm: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A run minus the baseline in one measure: the mean, and on how many queries it is above, equal, below."""

    run: str
    measure: str
    mean: float
    wins: int
    ties: int
    losses: int
    chance: Chance | None


def compare(baseline: Evaluation, others: Sequence[Evaluation], test: Test) -> list[Difference]:
    """Compare each run with the baseline in each measure that is a mean; Holm's family is all of them.

    Raises:
        UsageError: a run was averaged over other queries than the baseline.
        Unavailable: the test needs scipy, which is not installed.
    """
    measures = [measure for measure in baseline.means if not measure.startswith("Num")]
    paired = {
        (other.name, measure): _differences(baseline, other, measure)
        for other in others
        for measure in measures
    }
    chances = _chances(list(paired.values()), test)
    return [
        Difference(
            run,
            measure,
            mean=sum(values) / len(values),
            wins=sum(value > ALIKE for value in values),
            ties=sum(abs(value) <= ALIKE for value in values),
            losses=sum(value < -ALIKE for value in values),
            chance=chance,
        )
        for ((run, measure), values), chance in zip(paired.items(), chances, strict=True)
    ]


def _differences(baseline: Evaluation, other: Evaluation, measure: str) -> list[float]:
    if other.queries != baseline.queries:
        raise UsageError(
            f"{other.name} and {baseline.name} answer different queries; a paired comparison needs the same: "
            f"leave --only-retrieved out"
        )
    before, after = baseline.per_query[measure], other.per_query[measure]
    differences = [after[qid] - before[qid] for qid in baseline.queries]
    return [0.0 if abs(value) <= ALIKE else value for value in differences]


def _chances(paired: Sequence[Sequence[float]], test: Test) -> list[Chance | None]:
    if test is Test.NONE:
        return [None] * len(paired)
    p_values = [p_value(values, test) for values in paired]
    return [
        Chance(*interval(values), p, corrected)
        for values, p, corrected in zip(paired, p_values, holm(p_values), strict=True)
    ]
