"""Where requests go, in time that the tests keep."""

import pytest

from rearank_cli.engines import fleet as fleet_module
from rearank_cli.engines.fleet import Fleet, Member, pause


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "uniform", lambda _least, most: most)


def made(*expected: float | None, capacity: int = 8) -> tuple[Fleet, list[Member]]:
    members = [Member(f"s{n}") for n in range(len(expected))]
    fleet = Fleet(members, capacity)
    for member, seconds in zip(members, expected, strict=True):
        if seconds is not None:
            for _ in range(4):
                fleet.answered(fleet.begin(member, -seconds), 0.0)
    return fleet, members


def spread(fleet: Fleet, requests: int, now: float = 0.0) -> list[int]:
    for _ in range(requests):
        fleet.begin(fleet.choose(now), now)
    return [member.in_flight for member in fleet.members]


def test_at_the_start_each_has_its_share() -> None:
    assert spread(made(None, None, None)[0], 9) == [3, 3, 3]


def test_servers_that_are_alike_share_what_there_is() -> None:
    assert spread(made(1.0, 1.1)[0], 8) == [4, 4]


def test_a_server_ten_times_slower_gets_nothing() -> None:
    fleet, (fast, _) = made(1.0, 10.0)
    fast.load = 4.0
    assert spread(fleet, 8) == [8, 0]


def test_a_server_gets_less_as_its_answers_take_longer_under_load() -> None:
    fleet, (one, two) = made(1.0, 1.6)
    one.load = two.load = 4.0
    assert spread(fleet, 12) == [7, 5]


def test_a_server_that_failed_rests_longer_each_time_and_failures_at_once_count_once() -> None:
    fleet, (one, two) = made(1.0, 1.0)
    attempts = [fleet.begin(one, 1.0) for _ in range(3)]
    for attempt in attempts:
        fleet.failed(attempt, 2.0)
    assert (one.faults, one.rests_until) == (1, 2.5)
    assert fleet.choose(2.4) is two
    fleet.failed(fleet.begin(one, 3.0), 3.0)
    assert (one.faults, one.rests_until) == (2, 4.0)
    fleet.failed(fleet.begin(one, 4.0), 4.0, wait=20.0)
    assert one.rests_until == 24.0


def test_one_that_failed_is_probed_and_comes_back_by_an_answer() -> None:
    fleet, (one, two) = made(1.0, 1.0)
    fleet.failed(fleet.begin(one, 1.0), 1.0)
    fleet.begin(two, 1.0)
    assert fleet.to_probe(1.1) is None  # it rests
    assert fleet.choose(2.0) is two  # which is sound, however busy
    assert fleet.to_probe(2.0) is one
    probe = fleet.begin(one, 2.0)
    assert fleet.to_probe(2.0) is None  # one at a time
    fleet.answered(probe, 2.4)
    assert one.expected == pytest.approx(0.4)
    assert one.faults == 0
    assert fleet.choose(2.5) is one


def test_a_slow_server_is_measured_again_after_a_long_time_and_what_was_known_is_forgotten() -> None:
    fleet, (fast, slow) = made(1.0, 10.0)
    fleet.answered(fleet.begin(fast, 299.0), 299.5)
    assert fleet.to_probe(299.0) is None
    assert fleet.to_probe(301.0) is slow
    fleet.answered(fleet.begin(slow, 301.0), 301.5)
    assert slow.expected == 0.5


def test_a_server_alone_is_never_probed_nor_is_there_another() -> None:
    fleet, (one,) = made(None)
    attempt = fleet.begin(one, 0.0)
    assert fleet.to_probe(99.0) is None
    assert fleet.another(attempt, 99.0) is None
    fleet.failed(attempt, 99.0)
    assert fleet.choose(99.0, avoid=(one,)) is one


def test_a_silent_server_gets_nothing_new_and_its_requests_go_to_another_one_too() -> None:
    fleet, (sound, silent) = made(1.0, 1.0)
    attempt = fleet.begin(silent, 0.0)
    fleet.begin(sound, 0.0)
    assert fleet.another(attempt, 1.9) is None
    assert fleet.choose(1.9) in (sound, silent)
    fleet.answered(fleet.begin(sound, 1.0), 2.0)
    assert fleet.another(attempt, 2.1) is sound
    assert fleet.choose(2.1) is sound
    fleet.dropped(attempt, 2.2)
    assert silent.rests_until > 2.2


def test_one_that_never_answered_is_late_sooner_once_another_one_answered_a_few() -> None:
    fleet, (_, unknown) = made(1.0, None)
    attempt = fleet.begin(unknown, 0.0)
    assert fleet.another(attempt, 1.2) is None
    assert fleet.another(attempt, 1.3) is not None


def test_a_long_answer_at_a_server_that_answers_others_is_left_alone() -> None:
    fleet, (one, _) = made(1.0, 1.0)
    long = fleet.begin(one, 0.0)
    fleet.answered(fleet.begin(one, 0.0), 2.5)
    assert fleet.another(long, 3.0) is None
    fleet.dropped(long, 3.0)
    assert (one.in_flight, one.faults) == (0, 0)


def test_a_request_at_a_slow_server_goes_to_a_sound_one_with_room() -> None:
    fleet, (sound, slow) = made(1.0, 10.0, capacity=2)
    attempt = fleet.begin(slow, 0.0)
    assert fleet.another(attempt, 2.1) is sound
    fleet.begin(sound, 2.0)
    fleet.begin(sound, 2.0)
    assert fleet.another(attempt, 2.1) is None


def test_what_was_set_aside_is_not_chosen() -> None:
    fleet, (one, two) = made(1.0, 5.0)
    one.aside = "401"
    assert fleet.choose(0.0) is two
    assert fleet.choose(0.0, avoid=(two,)) is two
    assert fleet.left == [two]


def test_if_all_rest_the_one_that_is_ready_first_is_chosen() -> None:
    fleet, (one, two) = made(1.0, 1.0)
    fleet.blame(one, 0.0)
    fleet.blame(one, 0.0)
    fleet.blame(two, 0.0)
    assert fleet.choose(0.1) is two
    assert fleet.rests(two, 0.1)


def test_glances_follow_the_expected_time() -> None:
    assert [made(seconds)[0].glance() for seconds in (None, 0.001, 1.0, 60.0)] == [0.1, 0.02, 0.25, 0.5]


def test_pauses_double_up_to_half_a_minute() -> None:
    assert [pause(attempt, 0.0) for attempt in (1, 2, 3, 9, 5000)] == [0.5, 1.0, 2.0, 30.0, 30.0]
    assert pause(1, 7.0) == 7.5
