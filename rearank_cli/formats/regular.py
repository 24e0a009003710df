"""Blocks of lines that are as regular as most files are, taken apart in a few calls.

Regular is: ASCII, one blank or tab between the columns, no NUL, no comment. Any other block is for a reader that
goes line by line and can name the line.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

BLOCK = 1 << 16  # bytes; larger ones fall out of the cache and take longer
_TABS = bytes.maketrans(b"\t", b" ")
_INK = bytes(byte for byte in range(256) if byte > 127 or not chr(byte).isspace())


def fields(block: bytes, columns: int) -> list[str]:
    """Return the fields of all lines, one after the other; [] where a line may not be regular.

    All separators accounted for and as many fields as there should be leave no line with too few or many.

    >>> fields(b"q1 0 d1 2\\nq1 0 d2 0\\n", columns=4)
    ['q1', '0', 'd1', '2', 'q1', '0', 'd2', '0']
    >>> fields(b"q1 0 d1 2\\nq1  d2 0\\n", columns=4)
    []
    """
    lines = block.count(b"\n")
    if not block.isascii() or block.startswith(b"#") or b"\n#" in block or b"\0" in block:
        return []
    if block.translate(_TABS, _INK) != (b" " * (columns - 1) + b"\n") * lines:
        return []
    found = block.decode("ascii").split()
    return found if len(found) == columns * lines else []


def pieces(qids: Sequence[str]) -> Iterator[tuple[str, slice]]:
    """Yield where each query stands.

    >>> list(pieces(["q1", "q1", "q2"]))
    [('q1', slice(0, 2, None)), ('q2', slice(2, 3, None))]
    """
    start = 0
    for qid, lines in groupby(qids):
        end = start + len(list(lines))
        yield qid, slice(start, end)
        start = end
