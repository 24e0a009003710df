"""ir_datasets behind four functions: quiet, imported when first needed, its cache where it always is."""

import logging
import os
import sys
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from rearank_cli.errors import MissingInput, Unavailable
from rearank_cli.records import Qrels


def home() -> Path:
    """Return the folder that ir_datasets keeps its files in: $IR_DATASETS_HOME or ~/.ir_datasets."""
    place = os.environ.get("IR_DATASETS_HOME")
    return Path(place) if place else Path.home() / ".ir_datasets"


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
            raise MissingInput(
                f"dataset {dataset!r} has no judgements in ir_datasets; name a file with --qrels"
            )
        judged: dict[str, dict[str, int]] = {}
        for row in loaded.qrels_iter():
            judged.setdefault(row.query_id, {})[row.doc_id] = row.relevance
        return judged


@contextmanager
def _quiet(dataset: str) -> Iterator[None]:
    """Keep ir_datasets' log lines from the user, its download bar too unless stderr is a terminal.

    Raises:
        MissingInput: what the block raised, if it was a failed download or a damaged file.
        Unavailable: an import failed.
    """
    if not sys.stderr.isatty():
        os.environ.setdefault("IR_DATASETS_DL_DISABLE_PBAR", "true")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    except ImportError as error:
        raise Unavailable(f"dataset {dataset!r} needs {error.name}; pip install {error.name}") from error
    except (OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise MissingInput(f"dataset {dataset!r} could not be downloaded ({_reason(error)})") from error
    finally:
        logging.disable(before)


def _reason(error: Exception) -> str:
    """Return the gist of a download error; the library's own text runs over several lines."""
    text = str(error)
    unreachable = (
        "NameResolutionError",
        "Max retries exceeded",
        "Connection refused",
        "Network is unreachable",
    )
    return "its host cannot be reached" if any(word in text for word in unreachable) else text[:160]
