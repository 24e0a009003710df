"""The registry as a table: what there is, how large, and what of it is on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

from rearank_cli.datasets import catalogue
from rearank_cli.datasets.names import DEMO_FOLDER
from rearank_cli.datasets.registry import DEMO, Entry, entries
from rearank_cli.places import home

HEADER = ("name", "documents", "download", "here", "ir_datasets", "lucene index")


def lines() -> Iterator[str]:
    """Yield the table, tab-separated: a header, the demo, then one line a registered name."""
    yield "\t".join(HEADER)
    with (DEMO_FOLDER / "corpus.jsonl").open(encoding="utf-8") as corpus:
        yield "\t".join((DEMO, str(sum(1 for _ in corpus)), "-", "all", "-", "-"))
    for entry in entries().values():
        yield "\t".join(_row(entry))


def _row(entry: Entry) -> tuple[str, ...]:
    download = f"{entry.download} MB" if entry.download else "-"
    here = ",".join(_here(entry)) or "-"
    return entry.name, str(entry.documents), download, here, entry.ir_datasets or "-", entry.index


def _here(entry: Entry) -> Iterator[str]:
    """Yield what lies on this machine: qrels, queries, docs, index."""
    places = {"qrels": entry.qrels, "queries": entry.queries, "docs": entry.docs}
    for name, place in places.items():
        if place and (catalogue.home() / place).exists():
            yield name
    if any(indexes().glob(f"*.{entry.index}.*")):
        yield "index"


def indexes() -> Path:
    """Return the folder of Anserini's prebuilt indexes: $PYSERINI_CACHE/indexes or ~/.cache/pyserini/indexes."""
    return Path(os.environ.get("PYSERINI_CACHE") or home() / ".cache" / "pyserini") / "indexes"
