"""The embedded retriever: an index kept in a folder, found again by the content that it was made from."""

import time
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rearank_cli.console import note
from rearank_cli.datasets.collections import Corpus
from rearank_cli.datasets.documents import Document
from rearank_cli.errors import MissingInput
from rearank_cli.records import Hit
from rearank_cli.retrieval import analyser, bm25, kept, store
from rearank_cli.retrieval.progress import counted

LAYOUT = 1  # of the folder; another number, another index
WORTH_A_LINE = 5.0
"""Seconds of indexing after which a line says where the index is kept."""


class Documents(Protocol):
    """Documents by row: a list, or a store on disk."""

    def __getitem__(self, row: int, /) -> Document:
        """Return the document of a row, from 0."""
        ...


@dataclass(frozen=True, slots=True)
class Embedded:
    """A retriever over an index and its documents, read from `place` unless that is None."""

    index: bm25.Index
    documents: Documents
    place: Path | None = None

    def search(self, query: str, hits: int) -> tuple[Hit, ...]:
        """Return up to `hits` documents, best first, with their texts. Raises DataError: the index is damaged."""
        with kept.readable(self.place) if self.place else nullcontext():
            found = bm25.search(self.index, query, hits)
            return tuple(_hit(self.documents[row], score) for row, score in found)


def _hit(document: Document, score: float) -> Hit:
    return Hit(document.docid, score, document.text, document.title)


def retriever(corpus: Corpus, folder: str, *, k1: float, b: float) -> Embedded:
    """Return the retriever of a corpus, from its index in `folder` or, with "", in the user's cache.

    The index is built first where it is not there. A corpus that can be read only once (a pipe) is indexed
    in memory unless a folder is named.

    Raises:
        DataError: a document is malformed, or the index is damaged.
        UsageError: the folder holds another index.
        OutputError: the index cannot be written there.
    """
    made = _made(corpus, k1, b)
    place = kept.place_of(made, folder)
    if place is None:
        documents = list(_counted(corpus))
        return Embedded(_indexed(documents, k1, b), documents)
    if kept.is_kept(place):
        kept.check(place, made)
    else:
        started = time.monotonic()
        kept.make(place, made, lambda beside: _build(corpus, beside, k1, b))
        seconds = time.monotonic() - started
        if seconds > WORTH_A_LINE:
            note(f"indexed {corpus.name} in {seconds:.0f} s; the index is kept at {place}")
    return _opened(place)


def _made(corpus: Corpus, k1: float, b: float) -> kept.Made:
    return {"content": corpus.digest(), "k1": k1, "b": b, "terms": analyser.NAME, "layout": LAYOUT}


def is_here(corpus: Corpus, *, k1: float, b: float) -> bool:
    """Return whether the user's cache holds the index of a corpus already."""
    place = kept.place_of(_made(corpus, k1, b), "")
    return place is not None and kept.is_kept(place)


def stored(folder: str) -> Embedded:
    """Return the retriever of an index folder alone, whatever it was made from.

    Raises:
        MissingInput: there is no index.
        DataError: it is damaged.
    """
    if not kept.is_kept(Path(folder)):
        raise MissingInput(f"{folder}: expected an index, found none; name its collection, and it is built")
    return _opened(Path(folder))


def _opened(place: Path) -> Embedded:
    with kept.readable(place):
        index, documents = bm25.load(place), store.load(place)
        if len(index.places) != len(documents):
            raise ValueError(f"{len(index.places)} rows, {len(documents)} documents")
        return Embedded(index, documents, place)


def _build(corpus: Corpus, folder: Path, k1: float, b: float) -> None:
    bm25.save(_indexed(store.keep(_counted(corpus), folder), k1, b), folder)


def _counted(corpus: Corpus) -> Iterable[Document]:
    return counted(corpus.read(), f"indexing {corpus.name}", corpus.total)


def _indexed(documents: Iterable[Document], k1: float, b: float) -> bm25.Index:
    return bm25.build(((each.docid, each.indexed) for each in documents), k1=k1, b=b)
