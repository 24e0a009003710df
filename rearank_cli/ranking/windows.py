"""Which slices of a list a sliding window shows: one pure function, used wherever windows are counted or walked."""


def windows(n: int, *, size: int, step: int) -> tuple[tuple[int, int], ...]:
    """Return the half-open slices (start, stop) of `n` passages, from the bottom of the list to the top.

    Every slice but a short list's only one holds `size` passages; neighbours lie `step` apart, but the
    last starts at 0 whatever the remainder. A list of one passage needs no window.

    paper: section 3.1, n = 100, size 20, step 10, which makes nine calls (the text says ten).

    >>> windows(35, size=20, step=10)
    ((15, 35), (5, 25), (0, 20))
    >>> windows(7, size=20, step=10), windows(1, size=20, step=10)
    (((0, 7),), ())
    """
    if n <= 1:
        return ()
    starts = (*range(n - size, 0, -step), 0)
    return tuple((start, min(start + size, n)) for start in starts)
