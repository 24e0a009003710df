"""Strategies, driven by an oracle or by any permutations at all."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rearank_cli.ranking.strategies import Stopped, Strategy, sliding
from rearank_cli.records import Outcome, Permutation, Window
from tests.ranking.test_windows import SHAPES


def drive(strategy: Strategy, order: "OrderOf") -> tuple[tuple[int, ...], list[tuple[Window, ...]]]:
    """Run a strategy to its end, each window answered by `order`."""
    rounds: list[tuple[Window, ...]] = []
    answers: tuple[Permutation, ...] | None = None
    while True:
        try:
            windows = next(strategy) if answers is None else strategy.send(answers)
        except StopIteration as stop:
            return stop.value, rounds
        rounds.append(windows)
        answers = tuple(Permutation(order(window.positions), Outcome.CLEAN) for window in windows)


class OrderOf:
    """Answers a window's positions with an order of their places."""

    def __init__(self, grades: list[int] | None = None, seed: int = 0) -> None:
        self._grades, self._random = grades, random.Random(seed)

    def __call__(self, positions: tuple[int, ...]) -> tuple[int, ...]:
        places = list(range(len(positions)))
        if self._grades is None:
            self._random.shuffle(places)
        else:
            grades = self._grades
            places.sort(key=lambda place: -grades[positions[place]])
        return tuple(places)


@given(n=st.integers(0, 300), shape=SHAPES, passes=st.integers(1, 3), seed=st.integers(0, 99))
def test_any_answers_give_every_position_exactly_once(
    n: int, shape: tuple[int, int], passes: int, seed: int
) -> None:
    ranking, rounds = drive(sliding(n, size=shape[0], step=shape[1], passes=passes), OrderOf(seed=seed))
    assert sorted(ranking) == list(range(n))
    assert [window.rounds_left for (window,) in rounds] == list(range(len(rounds) - 1, -1, -1))


@given(n=st.integers(0, 300), shape=SHAPES, seed=st.integers(0, 99))
def test_one_pass_of_an_oracle_puts_the_best_on_top(n: int, shape: tuple[int, int], seed: int) -> None:
    size, step = shape
    grades = random.Random(seed).sample(range(n), n)
    ranking, _ = drive(sliding(n, size=size, step=step), OrderOf(grades))
    best = sorted(range(n), key=lambda position: -grades[position])
    sure = n if n <= size else size - step
    assert list(ranking[:sure]) == best[:sure]


def test_passes_go_over_the_whole_list_again() -> None:
    grades = list(range(30))
    once, rounds = drive(sliding(30, size=4, step=2), OrderOf(grades))
    thrice, more = drive(sliding(30, size=4, step=2, passes=3), OrderOf(grades))
    assert len(more) == 3 * len(rounds)
    assert list(once[:2]) == [29, 28]
    assert list(thrice[:6]) == [29, 28, 27, 26, 25, 24]


def test_a_strategy_that_is_stopped_returns_what_its_windows_so_far_decided() -> None:
    strategy = sliding(6, size=4, step=2)
    (window,) = next(strategy)
    assert window.positions == (2, 3, 4, 5)
    strategy.send((Permutation((3, 2, 1, 0), Outcome.CLEAN),))
    with pytest.raises(StopIteration) as stopped:
        strategy.throw(Stopped())
    assert stopped.value.value == (0, 1, 5, 4, 3, 2)
