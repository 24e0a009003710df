"""The first stage: a ranking of a collection's documents for each query."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from rearank_cli.console import note
from rearank_cli.datasets.collections import LeaveOut
from rearank_cli.records import Candidates, Hit, Query

NAMED = 5
"""Queries that a message names."""


class Retriever(Protocol):
    """What ranks documents for a query: the embedded BM25, or Lucene in a process of its own."""

    def search(self, query: str, hits: int) -> tuple[Hit, ...]:
        """Return up to `hits` documents, best first, with their texts; none where none has a term."""
        ...


def first_stage(
    retriever: Retriever, queries: Iterable[Query], *, hits: int, tag: str, leave_out: LeaveOut
) -> Iterator[Candidates]:
    """Yield the best `hits` documents of each query, in the queries' order, each before the next is read.

    `leave_out` names the documents that a query must not retrieve. How many queries found nothing is said on
    stderr at the end. Raises as the queries' reader.
    """
    nothing: list[str] = []
    total = 0
    for query in queries:
        total += 1
        barred = leave_out(query.qid)
        ranking = retriever.search(query.text, hits + len(barred))
        found = tuple(hit for hit in ranking if hit.docid not in barred)[:hits]
        if not found:
            nothing.append(query.qid)
        yield Candidates(query, found, tag)
    if nothing:
        named = ", ".join(nothing[:NAMED]) + (" ..." if len(nothing) > NAMED else "")
        note(f"{len(nothing)} of {total} queries found nothing ({named}): no document holds a word of theirs")
