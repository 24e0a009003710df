"""Rankings in any layout: which one a stream holds is seen from its first byte."""

from collections.abc import Iterator

from rearank_cli.errors import DataError
from rearank_cli.formats import jsonl, trec
from rearank_cli.formats.streams import Source
from rearank_cli.records import Candidates


def is_json(source: Source) -> bool:
    """Return whether the stream holds JSON (candidates) rather than a TREC run.

    Raises:
        DataError: the stream is empty.
    """
    first = source.peek()
    if not first:
        raise DataError(f"{source.name}: expected candidates or a run, found nothing; did a stage fail?")
    return first in (b"{", b"[")


def read_rankings(source: Source) -> Iterator[Candidates]:
    """Yield the queries of a candidates stream, or of a TREC run (whose hits have no text)."""
    if is_json(source):
        yield from jsonl.read_candidates(source)
    else:
        yield from trec.read_run(source)
