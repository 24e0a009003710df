"""Tests and intervals against scipy on fixed cases, against enumeration, and by simulation."""

import itertools

import numpy as np
import pytest

from rearank_cli.evaluation.choices import Test as Paired
from rearank_cli.evaluation.statistics import holm, interval, p_value

stats = pytest.importorskip("scipy.stats")

BEFORE = [0.41, 0.55, 0.38, 0.72, 0.19, 0.66, 0.50, 0.47, 0.61, 0.33]
AFTER = [0.52, 0.57, 0.36, 0.80, 0.31, 0.70, 0.58, 0.47, 0.60, 0.49]
DIFFERENCES = [after - before for before, after in zip(BEFORE, AFTER, strict=True)]


def test_student_is_scipys_paired_t_test() -> None:
    assert p_value(DIFFERENCES, Paired.STUDENT) == pytest.approx(stats.ttest_rel(AFTER, BEFORE).pvalue)


def test_fisher_goes_through_every_sign() -> None:
    observed = abs(sum(DIFFERENCES))
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, DIFFERENCES, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(DIFFERENCES))
    ]
    exact = sum(value >= observed - 1e-12 for value in sums) / len(sums)
    assert p_value(DIFFERENCES, Paired.FISHER) == pytest.approx(exact)


def test_bootstrap_is_near_the_plain_resampling() -> None:
    values = np.array(DIFFERENCES)
    drawn = np.random.default_rng(7).choice(values - values.mean(), (200_000, len(values))).mean(axis=1)
    plain = (np.abs(drawn) >= abs(values.mean())).mean()
    assert p_value(DIFFERENCES, Paired.BOOTSTRAP) == pytest.approx(plain, abs=0.004)


def test_interval_is_the_percentile_bootstrap() -> None:
    values = np.array(DIFFERENCES)
    means = np.random.default_rng(7).choice(values, (200_000, len(values))).mean(axis=1)
    assert interval(DIFFERENCES) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.002)


@pytest.mark.parametrize("test", [Paired.STUDENT, Paired.FISHER, Paired.BOOTSTRAP])
def test_no_difference_is_certain_to_be_chance(test: Paired) -> None:
    assert p_value([0.0] * 5, test) == 1.0
    assert p_value([0.3], test) == 1.0
    assert interval([0.0, 0.0]) == (0.0, 0.0)


def test_the_same_data_give_the_same_figures() -> None:
    many = DIFFERENCES * 4
    for test in (Paired.FISHER, Paired.BOOTSTRAP):
        assert p_value(many, test) == p_value(many, test)
    assert interval(many) == interval(many)


def test_holm_corrects_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("test", "pairs"), [(Paired.STUDENT, 1000), (Paired.FISHER, 1000), (Paired.BOOTSTRAP, 1000)]
)
def test_equal_systems_differ_in_about_one_of_twenty_comparisons(test: Paired, pairs: int) -> None:
    chance = np.random.default_rng(11)
    hardness = chance.normal(0, 0.1, (pairs, 1, 50))  # of a query, the same for both
    scores = chance.beta(2, 2, (pairs, 2, 50)) + hardness
    found = [p_value(list(first - second), test, resamples=499) for first, second in scores]
    assert 0.035 <= np.mean(np.array(found) < 0.05) <= 0.07
