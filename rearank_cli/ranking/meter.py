"""What an engine is kept busy with, and what our own work costs beside it."""

import time

from rearank_cli.engines.protocol import Engine
from rearank_cli.records import Completion, Prompt


class Metered:
    """An engine that counts: `mean_in_flight` prompts at once, `own_cpu` seconds of this thread outside it."""

    def __init__(self, engine: Engine) -> None:
        self.capacity = engine.capacity
        self._engine = engine
        self._flying = 0
        self._area = 0.0
        self._started = self._last = time.monotonic()
        self._cpu_started = time.thread_time()
        self._engine_cpu = 0.0

    @property
    def seconds(self) -> float:
        """Wall time since the start."""
        return time.monotonic() - self._started

    @property
    def mean_in_flight(self) -> float:
        """Prompts in flight, averaged over time."""
        self._tick(0)
        return self._area / max(self._last - self._started, 1e-9)

    @property
    def own_cpu(self) -> float:
        """CPU seconds of the calling thread since the start, less those inside the engine."""
        return time.thread_time() - self._cpu_started - self._engine_cpu

    def submit(self, key: int, prompt: Prompt) -> None:
        """Pass a prompt on."""
        before = time.thread_time()
        self._engine.submit(key, prompt)
        self._engine_cpu += time.thread_time() - before
        self._tick(1)

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """Pass on what is done."""
        before = time.thread_time()
        done = self._engine.collect(timeout)
        self._engine_cpu += time.thread_time() - before
        self._tick(-len(done))
        return done

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def _tick(self, change: int) -> None:
        now = time.monotonic()
        self._area += (now - self._last) * self._flying
        self._last = now
        self._flying += change
