"""The first stage: a ranking of a collection's documents for each query."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from rearank_cli.datasets.collections import LeaveOut
from rearank_cli.records import Candidates, Hit, Query


class Retriever(Protocol):
    """What ranks documents for a query: the embedded BM25, or Lucene in a process of its own."""

    def search(self, query: str, hits: int) -> tuple[Hit, ...]:
        """Return up to `hits` documents, best first, with their texts; none where none has a term."""
        ...


def first_stage(
    retriever: Retriever, queries: Iterable[Query], *, hits: int, tag: str, leave_out: LeaveOut
) -> Iterator[Candidates]:
    """Yield the best `hits` documents of each query, in the queries' order, each before the next is read.

    `leave_out` names the documents that a query must not retrieve. Raises as the queries' reader.
    """
    for query in queries:
        barred = leave_out(query.qid)
        ranking = retriever.search(query.text, hits + len(barred))
        yield Candidates(query, tuple(hit for hit in ranking if hit.docid not in barred)[:hits], tag)
