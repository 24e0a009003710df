"""From the name that a user types, or that a run's tag carries, to a dataset."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rearank_cli.datasets import catalogue
from rearank_cli.datasets.registry import DEMO, Entry, entries, nearest
from rearank_cli.errors import MissingInput

TEST = "test"
DEMO_FOLDER = Path(__file__).with_name("demo")


@dataclass(frozen=True, slots=True)
class BeirFolder:
    """A folder in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv; `name` is what was typed."""

    name: str
    path: Path
    split: str

    @property
    def tag(self) -> str:
        """The dataset part of a run's tag."""
        return _tag(self.name, self.split)


@dataclass(frozen=True, slots=True)
class Registered:
    """A name of the registry."""

    entry: Entry
    split: str

    @property
    def tag(self) -> str:
        """The dataset part of a run's tag."""
        return _tag(self.entry.name, self.split)


@dataclass(frozen=True, slots=True)
class Catalogued:
    """Any id of ir_datasets, which names its split itself."""

    id: str

    @property
    def tag(self) -> str:
        """The dataset part of a run's tag."""
        return self.id


Dataset: TypeAlias = BeirFolder | Registered | Catalogued


def _tag(name: str, split: str) -> str:
    return name if split == TEST else f"{name}/{split}"


def resolve(name: str, split: str = TEST) -> Dataset:
    """Return the dataset of a name: the registry first, then a BEIR folder, then an id of ir_datasets.

    `NAME/SPLIT` names a split too (`demo/train`), as the tag of a run does. A folder that has the name of a
    registered dataset is meant by `./NAME` or `NAME/`.

    Raises:
        MissingInput: no such dataset, or no such split of it.
    """
    typed = _as_folder(name) if name.endswith("/") else name
    stem, _, last = typed.rpartition("/")
    found = _here(typed, split) or (_here(stem, last) if stem else None)
    if found:
        return found
    if typed in catalogue.ids():
        return Catalogued(typed)
    raise MissingInput(
        f"dataset {name!r}: expected a name of the registry, an id of ir_datasets or a BEIR folder, "
        f"found none{_hint(nearest(typed, catalogue.ids()))}"
    )


def _as_folder(name: str) -> str:
    """Return a folder's name without its last slash, but not so that it reads as a registered name.

    >>> _as_folder("scifact/"), _as_folder("data/scifact/")
    ('./scifact', 'data/scifact')
    """
    bare = name.rstrip("/")
    return bare if "/" in bare else f"./{bare}"


def _here(name: str, split: str) -> BeirFolder | Registered | None:
    if name == DEMO:
        return BeirFolder(DEMO, DEMO_FOLDER, split)
    entry = entries().get(name)
    if entry is not None:
        if split not in entry.splits:
            raise MissingInput(
                f"dataset {name!r}: expected a split it has ({', '.join(entry.splits)}), found {split!r}"
            )
        return Registered(entry, split)
    return BeirFolder(name, Path(name), split) if is_beir(Path(name)) else None


def is_beir(folder: Path) -> bool:
    """Return whether a folder looks like BEIR's: it has queries, plain or packed."""
    return (folder / "queries.jsonl").is_file() or (folder / "queries.jsonl.gz").is_file()


def _hint(names: list[str]) -> str:
    return f"; did you mean {' or '.join(names)}?" if names else "; check the spelling"
