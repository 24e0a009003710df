"""When a request is given up, in time that the tests keep."""

import pytest

from rearank_cli.engines.faults import Fault, Kind
from rearank_cli.engines.patience import Patience, Trial

DOWN, ODD, SLOW = (Fault("x", kind) for kind in (Kind.DOWN, Kind.ODD, Kind.SLOW))


def ends(patience: Patience, faults: list[Fault], *, step: float = 1.0) -> list[bool]:
    trial = Trial(0)
    return [patience.ends(trial, fault, step * number, 0) for number, fault in enumerate(faults)]


def test_retries_are_counted() -> None:
    assert ends(Patience(retries=2, wait=0.0), [ODD, DOWN, ODD]) == [False, False, True]
    assert ends(Patience(retries=0, wait=0.0), [DOWN]) == [True]


def test_a_second_time_out_ends_it() -> None:
    assert ends(Patience(retries=9, wait=99.0), [SLOW, ODD, SLOW]) == [False, False, True]


def test_servers_that_are_down_are_waited_for_beyond_the_retries() -> None:
    assert ends(Patience(retries=1, wait=5.0), [DOWN] * 6) == [False] * 5 + [True]
    assert ends(Patience(retries=1, wait=5.0), [ODD] * 2) == [False, True]


def test_a_request_that_fails_while_others_are_answered_is_not_waited_for() -> None:
    patience, trial = Patience(retries=2, wait=99.0), Trial(0)
    for number in (1, 2):
        assert not patience.ends(trial, DOWN, float(number), number)
        patience.answered()
    assert patience.ends(trial, DOWN, 3.0, 3)


def test_the_waiting_begins_anew_after_an_answer() -> None:
    patience = Patience(retries=0, wait=5.0)
    assert ends(patience, [DOWN]) == [False]
    assert patience.left(4.0) == 1.0
    patience.answered()
    assert patience.left(4.0) == 0.0


@pytest.mark.parametrize(
    ("wait", "asked", "over"), [(0.0, 299.0, False), (0.0, 301.0, True), (900.0, 301.0, False)]
)
def test_a_server_that_asks_for_longer_than_it_is_waited_for_is_given_up(
    wait: float, asked: float, over: bool
) -> None:
    patience = Patience(retries=9, wait=wait)
    assert patience.ends(Trial(0), Fault("429", Kind.DOWN, asked), 0.0, 0) is over


def test_no_pause_is_longer_than_the_waiting() -> None:
    patience, trial = Patience(retries=0, wait=5.0), Trial(0)
    patience.ends(trial, Fault("503", Kind.DOWN, 60.0), 0.0, 0)
    assert patience.pause(trial, 2.0) == 3.0
    assert patience.pause(trial, 6.0) > 60.0
