"""What retrieval reads: the documents of a collection, the queries asked of it, and what runs call it."""

import hashlib
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rearank_cli.datasets import beir
from rearank_cli.datasets.documents import Document, read_documents
from rearank_cli.formats.streams import open_source
from rearank_cli.records import Query

UNNAMED = "-"
"""The dataset part of a tag where files were given instead of a name."""

LeaveOut: TypeAlias = Callable[[str], AbstractSet[str]]
"""qid -> the docids that the query must not retrieve."""

Lookup: TypeAlias = Callable[[AbstractSet[str]], dict[str, Document]]
"""docids -> the documents that have them; an unknown docid is left out."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of a collection: `read` them once or again, `find` some, `digest` of their content.

    The digest (hex) is "" where the documents can be read only once; `total` is 0 where nobody knows it.
    `here` says whether they can be read without a download; `index` names a prebuilt Lucene index of them,
    where there is one.
    """

    name: str
    read: Callable[[], Iterator[Document]]
    find: Lookup
    digest: Callable[[], str]
    total: int = 0
    here: Callable[[], bool] = lambda: True
    index: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """A dataset opened for retrieval; nothing is read or downloaded before it is asked for."""

    tag: str
    corpus: Corpus
    queries: Callable[[], list[Query]]
    leave_out: LeaveOut


def nothing(_: str) -> AbstractSet[str]:
    """Leave out no document."""
    return frozenset()


def file_corpus(path: str) -> Corpus:
    """Return the corpus of a file, or of stdin for `-`; reading raises as `read_documents`."""

    def read() -> Iterator[Document]:
        with open_source(path) as source:
            yield from read_documents(source)

    def find(docids: AbstractSet[str]) -> dict[str, Document]:
        return {document.docid: document for document in read() if document.docid in docids}

    return Corpus(path, read, find, lambda: _digest(Path(path)))


def _digest(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def beir_collection(tag: str, folder: Path, split: str, *, all_queries: bool) -> Collection:
    """Return the collection of a BEIR folder. Raises MissingInput without a corpus file."""
    return Collection(
        tag=tag,
        corpus=file_corpus(beir.corpus_file(folder)),
        queries=lambda: beir.queries(folder, "" if all_queries else split),
        leave_out=nothing,
    )
