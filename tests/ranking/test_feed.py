"""The thread that reads ahead: what it hands over, and how it takes its input being closed."""

import threading
from collections.abc import Iterator

import pytest

from rearank_cli.errors import DataError
from rearank_cli.ranking.feed import Feed


def drained(feed: Feed[int]) -> list[int]:
    found = []
    while not feed.ended:
        item = feed.next(1.0)
        if item is not None:
            found.append(item)
    return found


def test_items_come_in_order_and_then_the_end() -> None:
    feed = Feed(range(20), size=2)
    assert drained(feed) == list(range(20))
    assert feed.next(0.0) is None


def test_what_is_wrong_with_the_input_is_raised_after_what_was_read() -> None:
    def stream() -> Iterator[int]:
        yield 1
        raise DataError("a.jsonl:2: expected an object")

    feed = Feed(stream())
    assert feed.next(1.0) == 1
    with pytest.raises(DataError, match="a.jsonl:2"):
        feed.next(1.0)
    assert feed.ended


@pytest.mark.parametrize("left", [True, False])
def test_an_input_closed_under_the_thread_is_silent_only_once_it_was_left(
    monkeypatch: pytest.MonkeyPatch, *, left: bool
) -> None:
    broken: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: broken.append(args.exc_type))
    closed = threading.Event()

    def stream() -> Iterator[int]:
        yield from ()
        closed.wait(5)
        raise ValueError("I/O operation on closed file")

    feed = Feed(stream())
    if left:
        feed.leave()
    closed.set()
    with pytest.raises(RuntimeError, match="could not be read to its end"):
        drained(feed)
    feed._thread.join(5)
    assert broken == ([] if left else [ValueError])
