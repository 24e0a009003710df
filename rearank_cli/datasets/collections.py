"""What retrieval reads: the documents of a collection, the queries asked of it, and what runs call it."""

import hashlib
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rearank_cli.datasets import beir
from rearank_cli.datasets.documents import Document, read_documents
from rearank_cli.datasets.names import BeirFolder, resolve
from rearank_cli.errors import MissingInput
from rearank_cli.formats.streams import open_source
from rearank_cli.records import Query

UNNAMED = "-"
"""The dataset part of a tag where files were given instead of a name."""

LeaveOut: TypeAlias = Callable[[str], AbstractSet[str]]
"""qid -> the docids that the query must not retrieve."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of a collection: `read` them once or again, `digest` of their content.

    The digest (hex) is "" where the documents can be read only once; `total` is 0 where nobody knows it.
    """

    name: str
    read: Callable[[], Iterator[Document]]
    digest: Callable[[], str]
    total: int = 0


@dataclass(frozen=True, slots=True)
class Collection:
    """A dataset opened for retrieval."""

    tag: str
    corpus: Corpus
    queries: Callable[[], list[Query]]
    leave_out: LeaveOut


def open_dataset(name: str, split: str) -> Collection:
    """Open a dataset; its queries are those that the split judges.

    Raises:
        MissingInput: no such dataset, split or file.
    """
    dataset = resolve(name, split)
    if not isinstance(dataset, BeirFolder):
        raise MissingInput(
            f"dataset {name!r}: its documents are not on this machine; expected `demo`, a BEIR folder, "
            "or --corpus and --topics"
        )
    return Collection(
        tag=dataset.tag,
        corpus=file_corpus(beir.corpus_file(dataset.path)),
        queries=lambda: beir.queries(dataset.path, dataset.split),
        leave_out=nothing,
    )


def nothing(_: str) -> AbstractSet[str]:
    """Leave out no document."""
    return frozenset()


def file_corpus(path: str) -> Corpus:
    """Return the corpus of a file, or of stdin for `-`; reading raises as `read_documents`."""

    def read() -> Iterator[Document]:
        with open_source(path) as source:
            yield from read_documents(source)

    return Corpus(path, read, lambda: _digest(Path(path)))


def _digest(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
