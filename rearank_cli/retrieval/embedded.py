"""The embedded retriever: an index kept in a folder, found again by the content that it was made from."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import orjson

from rearank_cli.console import note
from rearank_cli.datasets.collections import Corpus
from rearank_cli.datasets.documents import Document
from rearank_cli.errors import DataError, MissingInput, OutputError, UsageError
from rearank_cli.places import cache_folder
from rearank_cli.records import Hit
from rearank_cli.retrieval import analyser, bm25, store
from rearank_cli.retrieval.progress import counted

LAYOUT = 1  # of the folder; another number, another key
MANIFEST = "index.json"
WORTH_A_LINE = 5.0
"""Seconds of indexing after which a line says where the index is kept."""


class Documents(Protocol):
    """Documents by row: a list, or a store on disk."""

    def __getitem__(self, row: int, /) -> Document:
        """Return the document of a row, from 0."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """What an index was made from and how: the same values, the same index."""

    content: str
    k1: float
    b: float
    analyser: str = analyser.NAME
    layout: int = LAYOUT

    @property
    def key(self) -> str:
        """A name (hex) for a folder of this index."""
        return hashlib.sha256(orjson.dumps(asdict(self))).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Embedded:
    """A retriever over an index and its documents."""

    index: bm25.Index
    documents: Documents

    def search(self, query: str, hits: int) -> tuple[Hit, ...]:
        """Return up to `hits` documents, best first, with their texts."""
        return tuple(_hit(self.documents[row], score) for row, score in bm25.search(self.index, query, hits))


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
    content = corpus.digest()
    made = Made(content, k1, b)
    place = Path(folder) if folder else cache_folder() / "indexes" / made.key
    if (place / MANIFEST).is_file():
        return _opened(place, made)
    if not folder and not (content and _can_be_made(place.parent)):
        return _in_memory(corpus, made)
    _build(corpus, made, place)
    return _opened(place, made)


def stored(folder: str) -> Embedded:
    """Return the retriever of an index folder alone, whatever it was made from.

    Raises:
        MissingInput: there is no index.
        DataError: it is damaged.
    """
    if not (Path(folder) / MANIFEST).is_file():
        raise MissingInput(f"{folder}: expected an index, found none; name its collection, and it is built")
    return _opened(Path(folder), None)


def _can_be_made(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        note(f"{folder}: cannot be written ({error.strerror}); the index is not kept")
        return False
    return True


def _in_memory(corpus: Corpus, made: Made) -> Embedded:
    documents = list(counted(corpus.read(), f"indexing {corpus.name}", corpus.total))
    index = bm25.build(((each.docid, each.indexed) for each in documents), k1=made.k1, b=made.b)
    return Embedded(index, documents)


def _opened(place: Path, made: Made | None) -> Embedded:
    try:
        found = orjson.loads((place / MANIFEST).read_bytes())
        if made is not None and found != asdict(made):
            differ = sorted(name for name, value in asdict(made).items() if found.get(name) != value)
            raise UsageError(
                f"{place}: this index was made with another {', '.join(differ)}; remove it, or name another"
            )
        return Embedded(bm25.load(place), store.load(place))
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise DataError(f"{place}: the index is damaged ({error}); remove the folder") from error


def _build(corpus: Corpus, made: Made, place: Path) -> None:
    """Write the index beside its place and rename the folder, so that nobody ever opens half an index."""
    started = time.monotonic()
    with _written(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        with _written(place):
            documents = store.keep(counted(corpus.read(), f"indexing {corpus.name}", corpus.total), beside)
            index = bm25.build(((each.docid, each.indexed) for each in documents), k1=made.k1, b=made.b)
            bm25.save(index, beside)
            (beside / MANIFEST).write_bytes(orjson.dumps(asdict(made)))
            beside.chmod(0o755)
            with suppress(FileNotFoundError):
                place.rmdir()  # an empty folder may be named
            beside.rename(place)
    except OutputError:
        if not (place / MANIFEST).is_file():  # else another process was faster, and its index is as good
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    seconds = time.monotonic() - started
    if seconds > WORTH_A_LINE:
        note(f"indexed {corpus.name} in {seconds:.0f} s; the index is kept at {place}")


@contextmanager
def _written(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{place}: the index cannot be written ({error.strerror})") from error
