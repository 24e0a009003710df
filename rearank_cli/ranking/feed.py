"""Input read ahead by a thread, so that a slow stage before this one never holds up answers or signals."""

import threading
from collections.abc import Iterable
from queue import Empty, Queue
from typing import Generic, TypeVar

from rearank_cli.errors import RearankError

T = TypeVar("T")


class Feed(Generic[T]):
    """An iterable behind a bounded queue of `size` items."""

    def __init__(self, items: Iterable[T], size: int = 8) -> None:
        self._queue: Queue[T | RearankError | Feed[T]] = Queue(size)
        self._items = items
        self._whole = False
        self._left = False
        self.ended = False
        """Whether there is nothing more to come."""
        self._thread = threading.Thread(target=self._read, name="input", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for item in self._items:
                self._queue.put(item)
            self._whole = True
        except RearankError as error:
            self._queue.put(error)
        except ValueError:
            if not self._left:  # else it is what a file says that was closed while it was read
                raise
        finally:
            self._queue.put(self)

    def leave(self) -> None:
        """Say that nothing more is wanted: from here on the input may be closed under the thread."""
        self._left = True

    def next(self, timeout: float) -> T | None:
        """Return the next item, waiting `timeout` seconds at most; None where none came or at the end.

        Raises:
            RearankError: as reading the items did.
            RuntimeError: reading them failed in another way, whose traceback is on stderr.
        """
        if self.ended:
            return None
        try:
            item = self._queue.get(timeout=timeout) if timeout > 0 else self._queue.get_nowait()
        except Empty:
            return None
        if isinstance(item, RearankError):
            self.ended = True
            raise item
        if isinstance(item, Feed):
            self.ended = True
            if not self._whole:
                raise RuntimeError("the input could not be read to its end")
            return None
        return item
