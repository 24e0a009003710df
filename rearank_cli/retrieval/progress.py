"""How far a long pass over documents has come: a bar on a terminal, a line now and then elsewhere."""

import sys
from collections.abc import Iterable, Iterator

from rearank_cli.console import note
from rearank_cli.datasets.documents import Document

EVERY = 1_000_000
"""Documents between two lines where stderr is no terminal."""


def counted(documents: Iterable[Document], label: str, total: int) -> Iterator[Document]:
    """Yield the documents and show how many have passed; `total` is 0 where nobody knows it."""
    if not sys.stderr.isatty():
        for number, document in enumerate(documents, 1):
            yield document
            if number % EVERY == 0:
                note(f"{label}: {number:,} documents")
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(documents, label, total or None, console=Console(stderr=True), transient=True)
