"""The table of dataset names (registry.toml), and the names nearest to one that is not in it."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path

DEMO = "demo"
"""The name of the bundled collection."""


class LeaveOut(StrEnum):
    """Which documents a query must not retrieve."""

    NOTHING = ""
    QUERY = "query"
    """The document whose id is the query's: the query itself (BEIR's custom)."""
    EXCLUDED = "excluded"
    """What the judgements exclude with a grade of -100 (BRIGHT)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a name stands for; an empty string or 0 where there is no such thing. See registry.toml."""

    name: str
    ir_datasets: str = ""
    qrels: str = ""
    queries: str = ""
    docs: str = ""
    archive: str = ""
    documents: int = 0
    download: int = 0
    splits: tuple[str, ...] = ("test",)
    index: str = ""
    leave_out: LeaveOut = LeaveOut.NOTHING

    def id_of(self, split: str) -> str:
        """Return the ir_datasets id of a split's judged queries.

        >>> entries()["scifact"].id_of("train"), entries()["dl19"].id_of("test")
        ('beir/scifact/train', 'msmarco-passage/trec-dl-2019/judged')
        """
        stem = self.ir_datasets.removesuffix("/test")
        return f"{stem}/{split}" if stem != self.ir_datasets else self.ir_datasets

    @property
    def id_of_all(self) -> str:
        """The ir_datasets id of all queries, judged or not.

        >>> entries()["scifact"].id_of_all, entries()["dl19"].id_of_all
        ('beir/scifact', 'msmarco-passage/trec-dl-2019')
        """
        return self.ir_datasets.removesuffix("/test").removesuffix("/judged")

    def qrels_of(self, split: str) -> str:
        """Return the place of a split's judgements, relative to ir_datasets' home.

        >>> entries()["scifact"].qrels_of("train"), entries()["arguana"].qrels_of("test")
        ('beir/scifact/train.qrels', 'beir/arguana/test.qrels')
        """
        return self.qrels.replace("/test.qrels", f"/{split}.qrels")


@cache
def entries() -> Mapping[str, Entry]:
    """Return the registry: name -> entry, in the order of the file."""
    rows = tomllib.loads(Path(__file__).with_name("registry.toml").read_text(encoding="utf-8"))
    return {name: _entry(name, row) for name, row in rows.items()}


def _entry(name: str, row: Mapping[str, str | int | list[str]]) -> Entry:
    texts = {key: value for key, value in row.items() if isinstance(value, str)}
    counts = {key: value for key, value in row.items() if isinstance(value, int)}
    splits = row.get("splits")
    return Entry(
        name=name,
        ir_datasets=texts.get("ir_datasets", ""),
        qrels=texts.get("qrels", ""),
        queries=texts.get("queries", ""),
        docs=texts.get("docs", ""),
        archive=texts.get("archive", ""),
        documents=counts["documents"],
        download=counts.get("download", 0),
        splits=tuple(splits) if isinstance(splits, list) else ("test",),
        index=texts.get("index", ""),
        leave_out=LeaveOut(texts.get("leave_out", "")),
    )


def nearest(name: str, known: Iterable[str] = ()) -> list[str]:
    """Return up to three names that resemble a mistyped one, from the registry and `known`.

    >>> nearest("scifcat")[0], nearest("xyz")
    ('scifact', [])
    """
    return get_close_matches(name, [DEMO, *entries(), *known], n=3, cutoff=0.6)
