"""The first stage: a ranking of a collection's documents for each query."""

from collections.abc import Iterator

from rearank_cli.datasets.collections import Collection
from rearank_cli.datasets.documents import Document
from rearank_cli.records import Candidates, Hit
from rearank_cli.retrieval import bm25


def first_stage(collection: Collection, *, hits: int, k1: float, b: float, tag: str) -> Iterator[Candidates]:
    """Index the collection and yield the best `hits` documents of each query, in the queries' order.

    A query for which no document has a term yields no hits. Raises as the collection's readers.
    """
    documents = list(collection.documents)
    index = bm25.build(
        [document.docid for document in documents],
        (document.indexed for document in documents),
        k1=k1,
        b=b,
    )
    for query in collection.queries:
        ranking = bm25.search(index, query.text, hits)
        yield Candidates(query, tuple(_hit(documents[row], score) for row, score in ranking), tag)


def _hit(document: Document, score: float) -> Hit:
    return Hit(document.docid, score, document.text, document.title)
