"""Strategies decide which windows to show and what the answers make of the list.

A strategy is a generator: it yields a tuple of windows that do not depend on each other, is sent back
their permutations in the same order, and returns the final ranking; where `Stopped` is thrown into it
instead, it returns the ranking that it has reached. It knows positions, never texts or models, so that
an oracle can drive it.
"""

from collections.abc import Generator
from typing import TypeAlias

from rearank_cli.ranking.windows import windows
from rearank_cli.records import Permutation, Window

Strategy: TypeAlias = Generator[tuple[Window, ...], tuple[Permutation, ...], tuple[int, ...]]
"""Yields windows, takes permutations, returns positions (0-based) in the input, best first."""


class Stopped(Exception):  # noqa: N818 - a request, not an error
    """Thrown into a strategy that is to return what it has."""


def sliding(n: int, *, size: int, step: int, passes: int = 1) -> Strategy:
    """Slide a window from the bottom of the list to the top, `passes` times (paper, section 3.1).

    Each window is reordered in place before the next one, `step` higher, is shown: a passage can climb
    the whole list in one pass, and one pass of right answers puts the best `size - step` on top.
    """
    ranking = list(range(n))
    slices = windows(n, size=size, step=step) * passes
    for count, (start, stop) in enumerate(slices, 1):
        shown = tuple(ranking[start:stop])
        try:
            (permutation,) = yield (Window(shown, rounds_left=len(slices) - count),)
        except Stopped:
            break
        ranking[start:stop] = [shown[place] for place in permutation.order]
    return tuple(ranking)
