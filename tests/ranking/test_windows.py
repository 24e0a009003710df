"""Windows: every passage is shown, and the last window starts at the top, for any list."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rearank_cli.ranking.windows import windows

SHAPES = st.integers(2, 60).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size)))


@given(n=st.integers(0, 300), shape=SHAPES)
def test_windows_cover_the_list_from_the_bottom_to_the_top(n: int, shape: tuple[int, int]) -> None:
    size, step = shape
    slices = windows(n, size=size, step=step)
    assert (not slices) == (n < 2)
    if slices:
        assert slices[0][1] == n
        assert slices[-1][0] == 0
        assert {i for start, stop in slices for i in range(start, stop)} == set(range(n))
    for (start, _), (next_start, next_stop) in itertools.pairwise(slices):
        assert 0 < start - next_start <= step
        assert next_stop >= start
    assert all(stop - start == min(size, n) for start, stop in slices)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (100, [(s, s + 20) for s in range(80, -1, -10)]),  # nine calls, not the ten of the paper's text
        (15, [(0, 15)]),  # the released code makes none
        (25, [(5, 25), (0, 20)]),  # the released code never shows the top five
        (95, [(s, s + 20) for s in range(75, 4, -10)] + [(0, 20)]),
        (20, [(0, 20)]),
        (1, []),
        (0, []),
    ],
)
def test_windows_of_the_paper_and_of_short_and_odd_lists(n: int, expected: list[tuple[int, int]]) -> None:
    assert list(windows(n, size=20, step=10)) == expected
