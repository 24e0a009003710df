"""How often a request is tried and how long servers that are down are waited for. Pure: the caller tells the time."""

from dataclasses import dataclass, field

from rearank_cli.engines.faults import Fault, Kind
from rearank_cli.engines.fleet import pause

TIMEOUTS = 2
"""Tries that ran into the time-out, after which a request is given up, whatever is left of its retries."""
_LONGEST_WAIT = 300.0  # a server that asks for more is left alone, unless it is waited for longer


@dataclass(slots=True)
class Trial:
    """One request: the faults it met; `tries` are those that count against the retries.

    `begun_at` is how many requests of all had been answered when it began, `answered` how many at its last
    fault.
    """

    begun_at: int
    answered: int = field(init=False)
    faults: list[Fault] = field(default_factory=list)
    tries: int = 0

    def __post_init__(self) -> None:
        self.answered = self.begun_at


class Patience:
    """Decides when a request is given up.

    A fault counts as a try, unless the servers are down for all and are waited for: `wait` seconds from the
    first such fault after the last answer.
    """

    def __init__(self, *, retries: int, wait: float) -> None:
        self._retries = retries
        self._wait = wait
        self.down_since: float | None = None

    def answered(self) -> None:
        """Hear that a server answers."""
        self.down_since = None

    def ends(self, trial: Trial, fault: Fault, now: float, answered: int) -> bool:
        """Return whether a request that met one more fault is not to be tried again."""
        if fault.kind is Kind.DOWN and self.down_since is None:
            self.down_since = now
        for_all = fault.kind is Kind.DOWN and trial.answered == answered
        trial.faults.append(fault)
        trial.answered = answered
        if for_all and self.left(now) <= 0:
            trial.tries = len(trial.faults)
        elif not for_all:
            trial.tries += 1
        timeouts = sum(fault.kind is Kind.SLOW for fault in trial.faults)
        too_long = fault.wait > max(_LONGEST_WAIT, self.left(now))
        return too_long or timeouts >= TIMEOUTS or trial.tries > self._retries

    def left(self, now: float) -> float:
        """Return for how many seconds servers that are down are still waited for; 0 or less: no longer."""
        return 0.0 if self.down_since is None else self.down_since + self._wait - now

    def pause(self, trial: Trial, now: float) -> float:
        """Return the seconds till the next attempt, which is not later than the end of the waiting."""
        fault = trial.faults[-1]
        seconds = pause(len(trial.faults), fault.wait)
        left = self.left(now)
        return min(seconds, left) if left > 0 else seconds
