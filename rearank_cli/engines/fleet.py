"""Which server of a fleet is asked next: the one whose answer is expected first.

Pure: it knows neither network nor clock; times are seconds of one clock that the caller reads.

How it chooses. Each server has an expected time, a weighted mean of what its answers took, scaled up if more
requests are in flight there than when it was measured. The least expected time wins; among servers that are
alike, the one with the fewest requests in flight. A server rests after a fault, longer with each in a row, and
one without a word for twice the expected time of the fastest is given nothing new. A server that is slow, at
rest or not measured gets a probe now and then: a copy of a request that goes elsewhere too, so that nobody
waits for it. A request that is late at such a server is sent to a sound one as well: the first answer counts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from random import uniform

FIRST_PAUSE = 0.5
"""Seconds before the first retry and of the first rest; doubled from one to the next."""
LONGEST_PAUSE = 30.0
_WEIGHT = 0.1  # of the newest answer in the expected time, after the first ten
_ALIKE = 1.25  # expected times of a smaller ratio are alike
_LATE = 2.0  # times the least expected time, without an answer
_NEVER_HEARD = 1.25  # the same for a server without any answer, once the fastest has given a few
_A_FEW = 4
_STALE = 30.0  # expected times without an answer, after which a server is measured again


@dataclass(slots=True, eq=False)
class Member:
    """What is known of one server.

    `expected` is in seconds, None before the first answer; `load` is how many requests it had in flight
    when it was measured; `faults` counts those in a row; `aside` says why it is asked nothing any more.
    """

    name: str
    expected: float | None = None
    load: float = 1.0
    answers: int = 0
    in_flight: int = 0
    faults: int = 0
    failed_at: float = field(default=float("-inf"))
    rests_until: float = field(default=float("-inf"))
    heard: float = field(default=float("-inf"))
    aside: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One request to one server; `load` is how many it has in flight with this one.

    `anew` says that the server was not heard of for so long that its expected time is out of date.
    """

    member: Member
    started: float
    load: int
    anew: bool


class Fleet:
    """Chooses among servers; `capacity` is how many requests one of them may have, however sound it is."""

    def __init__(self, members: Sequence[Member], capacity: int) -> None:
        self.members = members
        self._capacity = capacity

    @property
    def left(self) -> list[Member]:
        """The members that were not set aside."""
        return [member for member in self.members if not member.aside]

    @property
    def is_idle(self) -> bool:
        """Whether no server has a request."""
        return not any(member.in_flight for member in self.members)

    def choose(self, now: float, avoid: Collection[Member] = ()) -> Member:
        """Return the member to ask; one to `avoid`, or at rest, only if there is no other.

        Raises:
            ValueError: all were set aside.
        """
        fastest = self._fastest()
        least = min(
            (self._foreseen(m, now) for m in self.left if self._is_sound(m, fastest, now)), default=0.0
        )

        def order(member: Member) -> tuple[bool, int, float, int, float]:
            if self._is_sound(member, fastest, now):
                foreseen = self._foreseen(member, now)
                far = foreseen if foreseen > _ALIKE * least else 0.0
                return member in avoid, 0, far, member.in_flight, member.heard
            if self.rests(member, now):
                return member in avoid, 3, member.rests_until, 0, 0.0
            late = self._is_late(member, fastest, now)
            return member in avoid, 2 if late else 1, 0.0, member.in_flight, member.heard

        return min(self.left, key=order)

    def second_opinion(self, refused: Collection[Member], now: float) -> Member | None:
        """Return a member that can say whether it refuses too, None if none is ready to answer."""
        if all(member in refused for member in self.left):
            return None
        other = self.choose(now, avoid=refused)
        ready = not self.rests(other, now) and not self._is_late(other, self._fastest(), now)
        return other if ready and other not in refused else None

    def begin(self, member: Member, now: float) -> Attempt:
        """Count a request that is sent."""
        anew = bool(member.faults) or self._is_stale(member, now)
        if not member.in_flight:
            member.heard = now
        member.in_flight += 1
        return Attempt(member, now, member.in_flight, anew)

    def answered(self, attempt: Attempt, now: float) -> None:
        """Learn from an answer; the first one after faults or a long silence says more than all before."""
        member, took = attempt.member, now - attempt.started
        member.answers = 1 if attempt.anew else member.answers + 1
        weight = max(_WEIGHT, 1 / member.answers)
        member.expected = took if member.answers == 1 else _mixed(member.expected or took, took, weight)
        member.load = _mixed(member.load, attempt.load, weight)
        member.faults = 0
        self._end(member, now)

    def failed(self, attempt: Attempt, now: float, wait: float = 0.0) -> None:
        """Let a server rest; requests that were in flight together and failed together count once."""
        member = attempt.member
        self._end(member, now)
        if attempt.started >= member.failed_at:
            self.blame(member, now)
        member.rests_until = max(member.rests_until, now + wait)

    def blame(self, member: Member, now: float) -> None:
        """Let a server rest, for longer than after its last fault if nothing was answered since."""
        member.faults += 1
        member.failed_at = now
        member.rests_until = now + pause(member.faults, 0.0)

    def refused(self, attempt: Attempt, now: float) -> None:
        """Count a request as ended that says nothing about the server."""
        self._end(attempt.member, now)

    def dropped(self, attempt: Attempt, now: float) -> None:
        """Let go of a request that another server has answered; the one that is late rests."""
        if self._is_late(attempt.member, self._fastest(), now):
            self.failed(attempt, now)
        else:
            attempt.member.in_flight -= 1

    def another(self, attempt: Attempt, now: float) -> Member | None:
        """Return the member to send a late request to as well, None while it is not late or nobody has room."""
        fastest = self._fastest()
        others = [m for m in self.left if m is not attempt.member and self._is_sound(m, fastest, now)]
        best = min((m for m in others if m.in_flight < self._capacity), key=_expected, default=None)
        if best is None or now - attempt.started <= _patience(attempt.member, best):
            return None
        slow = attempt.member.expected is not None and attempt.member.expected > _LATE * _expected(best)
        return best if slow or self._is_late(attempt.member, fastest, now) else None

    def to_probe(self, now: float) -> Member | None:
        """Return a member to send a copy of a request to, to learn how it is by now; mostly None."""
        fastest = self._fastest()
        sound = [member for member in self.left if self._is_sound(member, fastest, now)]
        for member in self.left:
            idle = not member.in_flight and not self.rests(member, now)
            unknown = member.expected is None or member.faults or self._is_stale(member, now)
            if idle and unknown and any(other is not member for other in sound):
                return member
        return None

    def glance(self) -> float:
        """Return the seconds between two looks at a request in flight: a quarter of the least expected time."""
        fastest = self._fastest()
        return 0.1 if fastest is None else min(0.5, max(0.02, _expected(fastest) / 4))

    def rests(self, member: Member, now: float) -> bool:
        """Return whether a member is at rest."""
        return now < member.rests_until

    def _fastest(self) -> Member | None:
        """Return the member with the least expected time, None if nothing was measured."""
        measured = (member for member in self.left if member.expected is not None and not member.faults)
        return min(measured, key=_expected, default=None)

    def _is_sound(self, member: Member, fastest: Member | None, now: float) -> bool:
        measured = member.expected is not None and not member.faults and not self.rests(member, now)
        return measured and not self._is_late(member, fastest, now)

    def _is_late(self, member: Member, fastest: Member | None, now: float) -> bool:
        """Return whether nothing has come from a member for long, though it was asked."""
        return member.in_flight > 0 and now - member.heard > _patience(member, fastest)

    def _is_stale(self, member: Member, now: float) -> bool:
        return member.expected is not None and now - member.heard > _STALE * member.expected

    def _foreseen(self, member: Member, now: float) -> float:
        """Return when an answer may come: never sooner than measured, later if more is in flight there."""
        return _expected(member) * max(1.0, (member.in_flight + 1) / member.load)

    def _end(self, member: Member, now: float) -> None:
        member.in_flight -= 1
        member.heard = now


def pause(attempt: int, asked: float) -> float:
    """Return how many seconds to wait after the attempt of this number (1 or more), at least those asked for."""
    growing = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt - 1, 30))
    jitter = uniform(0.5, 1.0)  # those who failed together must not return so
    return max(asked, 0.0) + growing * jitter


def _patience(member: Member, fastest: Member | None) -> float:
    """Return how long a member may take for an answer before it is late, beside the fastest."""
    if fastest is None:
        return float("inf")
    unknown = member.expected is None and fastest.answers >= _A_FEW
    return (_NEVER_HEARD if unknown else _LATE) * _expected(fastest)


def _expected(member: Member) -> float:
    return float("inf") if member.expected is None else member.expected


def _mixed(old: float, new: float, weight: float) -> float:
    return old + weight * (new - old)
