"""ir_datasets behind a few functions: quiet, imported when first needed, its cache where it always is."""

import logging
import os
import sys
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rearank_cli import places
from rearank_cli.datasets.documents import Document
from rearank_cli.errors import MissingInput, OutputError, Unavailable
from rearank_cli.records import Qrels, Query

REFUSES = "http://127.0.0.1:9"  # nothing listens on the discard port


def home() -> Path:
    """Return the folder that ir_datasets keeps its files in: $IR_DATASETS_HOME or ~/.ir_datasets."""
    place = os.environ.get("IR_DATASETS_HOME")
    return Path(place) if place else places.home() / ".ir_datasets"


def usable() -> bool:
    """Return whether that folder is there or can be made; without it ir_datasets cannot even be imported."""
    return home().is_dir() or places.writable(home())


def offline() -> bool:
    """Return whether nothing may be downloaded: HF_HUB_OFFLINE is set, by the user or by --offline."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "on", "true", "yes")


def ids() -> Collection[str]:
    """Return every id that the installed ir_datasets lists."""
    with _quiet("the list of datasets"):
        import ir_datasets

        return frozenset(ir_datasets.registry)


def qrels(dataset: str) -> Qrels:
    """Return the judgements of an ir_datasets id, downloaded into its cache if they are not there.

    Raises:
        MissingInput: the dataset has none, or they could not be downloaded.
        Unavailable: a library that the dataset's files need is not installed.
    """
    with _quiet(dataset):
        import ir_datasets

        loaded = ir_datasets.load(dataset)
        if not loaded.has_qrels():
            raise MissingInput(f"dataset {dataset!r} has no judgements in ir_datasets")
        judged: dict[str, dict[str, int]] = {}
        for row in loaded.qrels_iter():
            judged.setdefault(row.query_id, {})[row.doc_id] = row.relevance
        return judged


def queries(dataset: str) -> list[Query]:
    """Return the queries of an ir_datasets id; raises as `qrels`."""
    with _quiet(dataset):
        import ir_datasets

        loaded = ir_datasets.load(dataset)
        if not loaded.has_queries():
            raise MissingInput(f"dataset {dataset!r} has no queries in ir_datasets")
        _check_words(dataset, "queries", loaded.queries_cls())
        return [Query(row.query_id, _text(row)) for row in loaded.queries_iter()]


def documents(dataset: str) -> Iterator[Document]:
    """Yield the documents of an ir_datasets id; raises as `qrels`."""
    with _quiet(dataset):
        import ir_datasets

        loaded = ir_datasets.load(dataset)
        _check_words(dataset, "documents", loaded.docs_cls())
        for row in loaded.docs_iter():
            yield _document(row)


def texts(dataset: str, docids: Collection[str]) -> dict[str, Document]:
    """Return the documents of these docids, as far as there are such; raises as `qrels`."""
    with _quiet(dataset):
        import ir_datasets

        loaded = ir_datasets.load(dataset)
        _check_words(dataset, "documents", loaded.docs_cls())
        found = loaded.docs_store().get_many(docids)
        return {docid: _document(row) for docid, row in found.items()}


def collection_of(dataset: str) -> tuple[str, int]:
    """Return the id under which ir_datasets keeps a dataset's documents, and how many there are (0: unknown).

    Raises:
        MissingInput: the dataset has no documents in ir_datasets.
    """
    with _quiet(dataset):
        import ir_datasets

        loaded = ir_datasets.load(dataset)
        if not loaded.has_docs():
            raise MissingInput(f"dataset {dataset!r} has no documents in ir_datasets")
        return ir_datasets.docs_parent_id(dataset), loaded.docs_count() or 0


def _check_words(dataset: str, what: str, kind: Any) -> None:  # noqa: ANN401 - a class of ir_datasets' own
    if "text" not in kind._fields and "default_text" not in dir(kind):
        raise MissingInput(
            f"dataset {dataset!r}: its {what} have no text that is known, only {', '.join(kind._fields[:6])}"
        )


def _text(row: Any) -> str:  # noqa: ANN401 - a named tuple of ir_datasets' own for each dataset
    """Return the words of a query or document: its `text`, or what its dataset makes of several fields."""
    return str(row.text if "text" in row._fields else row.default_text())


def _document(row: Any) -> Document:  # noqa: ANN401 - as above
    title = row.title if {"text", "title"} <= {*row._fields} else ""
    return Document(row.doc_id, _text(row), str(title or ""))


@contextmanager
def _quiet(dataset: str) -> Iterator[None]:
    """Keep ir_datasets' log lines from the user, and its bars too unless stderr is a terminal.

    Raises:
        MissingInput: what the block raised, if it was a failed download or a damaged file.
        OutputError: the cache cannot be made.
        Unavailable: an import failed.
    """
    if not usable():
        raise OutputError(
            f"{home()}: cannot be made, and ir_datasets keeps its files there; name one with IR_DATASETS_HOME"
        )
    settings = {} if sys.stderr.isatty() else {"IR_DATASETS_DL_DISABLE_PBAR": "true", "TQDM_DISABLE": "1"}
    if offline():  # ir_datasets has no such mode, but it asks through the proxy that it is told
        settings |= {
            "HTTPS_PROXY": REFUSES,
            "HTTP_PROXY": REFUSES,
            "NO_PROXY": "",
            "IR_DATASETS_DL_TRIES": "1",
        }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    except ImportError as error:
        raise Unavailable(f"dataset {dataset!r} needs {error.name}: pip install {error.name}") from error
    except (OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise MissingInput(f"dataset {dataset!r} could not be downloaded ({_reason(error)})") from error
    finally:
        logging.disable(level)
        for name, value in before.items():
            _restore(name, value)


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _reason(error: Exception) -> str:
    """Return the gist of a download error; the library's own text runs over several lines."""
    if offline():
        return "offline was asked for"
    text = str(error)
    unreachable = ("NameResolutionError", "Max retries exceeded", "Connection refused")
    return "its host cannot be reached" if any(word in text for word in unreachable) else text[:160]
