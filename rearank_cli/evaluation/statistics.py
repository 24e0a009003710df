"""Paired statistics over queries, by scipy: is a difference more than chance, and how large may it be?"""

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from rearank_cli.errors import Unavailable
from rearank_cli.evaluation.choices import Test

RESAMPLES = 9_999
SEED = 20_505


def p_value(differences: Sequence[float], test: Test, resamples: int = RESAMPLES) -> float:
    """Return the two-sided p of a mean difference of zero, in (0, 1]; 1 where no query differs, or there is only one.

    Fisher's test goes through all signs where there are at most `resamples` of them, else draws that many.

    Raises:
        Unavailable: scipy is not installed.
    """
    values = np.asarray(differences, dtype=float)
    if not values.any() or values.size == 1:  # one query says nothing about chance
        return 1.0
    _need_scipy()
    from scipy import stats

    rng = np.random.default_rng(SEED)
    match test:
        case Test.STUDENT:
            found = stats.ttest_1samp(values, 0.0)
        case Test.FISHER:
            found = stats.permutation_test(
                (values,), _mean, permutation_type="samples", vectorized=True, n_resamples=resamples,
                batch=_batch(values), rng=rng,
            )  # fmt: skip
        case _:
            centred = values - values.mean()
            found = stats.monte_carlo_test(
                values, lambda size: rng.choice(centred, size), _mean, vectorized=True,
                n_resamples=resamples, batch=_batch(values),
            )  # fmt: skip
    return float(found.pvalue)


def interval(
    differences: Sequence[float], level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean difference.

    Raises:
        Unavailable: scipy is not installed.
    """
    values = np.asarray(differences, dtype=float)
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    _need_scipy()
    from scipy import stats

    found = stats.bootstrap(
        (values,), _mean, confidence_level=level, n_resamples=resamples, method="percentile",
        vectorized=True, batch=_batch(values), rng=np.random.default_rng(SEED),
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values after Holm's step-down correction for so many tests.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [0.0] * len(p_values), 0.0
    for step, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - step) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def _mean(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    return np.asarray(values.mean(axis=axis))


def _batch(values: NDArray[np.float64]) -> int:
    """Return how many resamples fit 32 MB."""
    return max(1, 4_000_000 // len(values))


def _need_scipy() -> None:
    if find_spec("scipy") is None:
        raise Unavailable(
            "tests and intervals need scipy: pip install 'rearank[compare]', or say --test none"
        )
