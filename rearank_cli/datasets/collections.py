"""A collection opened for retrieval: its documents, its queries, and the name that runs carry."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rearank_cli.datasets import beir
from rearank_cli.datasets.documents import Document, read_documents, read_queries
from rearank_cli.datasets.names import BeirFolder, resolve
from rearank_cli.errors import MissingInput
from rearank_cli.formats.streams import open_source
from rearank_cli.records import Query

UNNAMED = "-"
"""The dataset part of a tag where files were given instead of a name."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents and queries, each read once, as they are asked for."""

    name: str
    documents: Iterator[Document]
    queries: Iterator[Query]


def open_dataset(name: str, split: str) -> Collection:
    """Open a dataset with the queries that the split judges.

    Raises:
        MissingInput: no such dataset, split or file.
        DataError: its queries or judgements are malformed.
    """
    dataset = resolve(name, split)
    if not isinstance(dataset, BeirFolder):
        raise MissingInput(
            f"dataset {name!r}: its documents are not on this machine; expected `demo`, a BEIR folder, "
            "or --corpus and --topics"
        )
    queries = beir.queries(dataset.path, dataset.split)
    return Collection(dataset.tag, beir.documents(dataset.path), iter(queries))


@contextmanager
def open_files(corpus: str, topics: str) -> Iterator[Collection]:
    """Open a collection of files; `-` as topics reads them from stdin as they come.

    Raises:
        MissingInput: a file cannot be read.
        UsageError: stdin is a terminal.
    """
    with open_source(topics) as asked, open_source(corpus) as stored:
        yield Collection(UNNAMED, read_documents(stored), read_queries(asked))
