"""When to stop asking: a deadline, a signal. What is in flight may then finish, for a while."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rearank_cli.errors import ExitStatus, RearankError, TryLater


class Interrupted(RearankError):  # noqa: N818 - the user's Ctrl-C, not a fault
    """Ctrl-C, once: what was asked is kept."""

    status = ExitStatus.INTERRUPTED


class Stop:
    """Tells whether to go on. `max_time` and `grace` are in seconds, from the making of this object.

    The first SIGTERM or Ctrl-C asks to stop; the second one ends the process at once.
    """

    def __init__(self, *, max_time: float | None = None, grace: float = 60.0) -> None:
        self._deadline = None if max_time is None else time.monotonic() + max_time
        self._grace = grace
        self._signal: signal.Signals | None = None
        self._asked_at: float | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals meanwhile. Outside the main thread, which alone may, nothing is taken."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            raise KeyboardInterrupt
        self._signal = signal.Signals(number)

    @property
    def wanted(self) -> bool:
        """Whether nothing more should be asked."""
        past = self._deadline is not None and time.monotonic() >= self._deadline
        if (past or self._signal is not None) and self._asked_at is None:
            self._asked_at = time.monotonic()
        return self._asked_at is not None

    @property
    def patience(self) -> float:
        """Seconds for which what is in flight may still be waited for; 0 when the grace is used up."""
        return (
            self._grace
            if self._asked_at is None
            else max(0.0, self._asked_at + self._grace - time.monotonic())
        )

    def error(self, done: str) -> RearankError:
        """Return the error that ends the run; `done` says what was reached."""
        if self._signal is signal.SIGINT:
            return Interrupted(f"interrupted; {done}")
        why = "stopped by SIGTERM" if self._signal else "the time of --max-time is over"
        return TryLater(f"{why}; {done}")
