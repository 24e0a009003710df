"""From a name to an opened collection, wherever its documents are."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import cache

from rearank_cli.console import note
from rearank_cli.datasets import catalogue
from rearank_cli.datasets.collections import Collection, Corpus, LeaveOut, beir_collection, nothing
from rearank_cli.datasets.documents import Document
from rearank_cli.datasets.judgements import excluded, judgements
from rearank_cli.datasets.names import BeirFolder, Catalogued, Registered, resolve
from rearank_cli.datasets.registry import Entry
from rearank_cli.datasets.registry import LeaveOut as Rule
from rearank_cli.errors import MissingInput, UsageError
from rearank_cli.records import Query

LARGE = 1000
"""Megabytes of a download that nobody should start unasked."""
MANY = 2_000_000
"""Documents that count as a large download where its size is not known."""


def open_dataset(
    name: str, split: str = "test", *, all_queries: bool = False, yes: bool = False
) -> Collection:
    """Open a dataset by name. Its queries are those that the split judges, or with `all_queries` all.

    `yes` agrees to a download of more than a gigabyte. What a registered name stands for is said on stderr.

    Raises:
        MissingInput: no such dataset, split or file.
    """
    dataset = resolve(name, split)
    match dataset:
        case BeirFolder():
            return beir_collection(dataset.tag, dataset.path, dataset.split, all_queries=all_queries)
        case Registered():
            return _registered(dataset, all_queries=all_queries, yes=yes)
        case Catalogued():
            return _catalogued(dataset.id, all_queries=all_queries, yes=yes)


def _registered(dataset: Registered, *, all_queries: bool, yes: bool) -> Collection:
    entry, split = dataset.entry, dataset.split
    note(f"{dataset.tag}: {_resolved(entry, split)}")

    def queries() -> list[Query]:
        if not entry.ir_datasets:
            raise MissingInput(
                f"dataset {entry.name!r}: its queries are not in ir_datasets; name a --topics file"
            )
        judged = None if all_queries else judgements(entry.name, split).keys()
        with _hint(f"put its queries at {catalogue.home() / entry.queries}"):
            return _judged(catalogue.queries(entry.id_of_all), judged)

    return Collection(dataset.tag, _corpus(entry, yes=yes), queries, _rule(entry, split))


def _resolved(entry: Entry, split: str) -> str:
    """Return in words what a name stands for."""
    source = f"{entry.id_of(split)} of ir_datasets" if entry.ir_datasets else "not in ir_datasets"
    kinds = {
        Rule.NOTHING: "",
        Rule.QUERY: "; a document that is the query itself is left out",
        Rule.EXCLUDED: "; BRIGHT's first judgements, not the .fixed ones; what it excludes is left out",
    }
    return f"{source}, Lucene index {entry.index}{kinds[entry.leave_out]}"


def _rule(entry: Entry, split: str) -> LeaveOut:
    match entry.leave_out:
        case Rule.NOTHING:
            return nothing
        case Rule.QUERY:
            return lambda qid: {qid}
        case Rule.EXCLUDED:

            @cache
            def barred() -> dict[str, frozenset[str]]:
                return excluded(entry.name, split)

            return lambda qid: barred().get(qid, frozenset())


def _corpus(entry: Entry, *, yes: bool) -> Corpus:
    """Return the documents of a registered name; those that are not in ir_datasets cannot be read."""
    places = [catalogue.home() / name for name in (entry.archive, entry.docs) if name]
    by_hand = (
        "unpack that set's zip from BEIR and name its folder"
        if entry.ir_datasets.startswith("beir/")
        else f"put its documents at {catalogue.home() / (entry.archive or entry.docs)}"
    )

    def here() -> bool:
        return any(place.exists() for place in places)

    @contextmanager
    def allowed() -> Iterator[None]:
        if not entry.ir_datasets:
            raise MissingInput(
                f"dataset {entry.name!r}: its documents are not in ir_datasets, since their owner gives them to "
                "applicants only; expected --backend lucene, or --corpus"
            )
        if entry.download > LARGE and not (here() or yes or catalogue.offline()):
            raise UsageError(
                f"dataset {entry.name!r}: its documents are not on this machine, and the download is "
                f"{entry.download / 1000:.1f} GB; agree with --yes"
            )
        with _hint(by_hand):
            yield

    def read() -> Iterator[Document]:
        with allowed():
            yield from catalogue.documents(entry.id_of_all)

    def find(docids: AbstractSet[str]) -> dict[str, Document]:
        with allowed():
            return catalogue.texts(entry.id_of_all, docids)

    def digest() -> str:
        return f"ir_datasets:{catalogue.collection_of(entry.id_of_all)[0]}" if entry.ir_datasets else ""

    return Corpus(entry.name, read, find, digest, entry.documents, here, entry.index)


def _catalogued(dataset: str, *, all_queries: bool, yes: bool) -> Collection:
    collection, total = catalogue.collection_of(dataset)

    def queries() -> list[Query]:
        return _judged(catalogue.queries(dataset), None if all_queries else judgements(dataset).keys())

    def read() -> Iterator[Document]:
        if total > MANY and not (yes or catalogue.offline()):
            raise UsageError(
                f"dataset {dataset!r} has {total:,} documents, and their download may be large; agree with --yes"
            )
        yield from catalogue.documents(dataset)

    corpus = Corpus(
        name=collection,
        read=read,
        find=lambda docids: catalogue.texts(dataset, docids),
        digest=lambda: f"ir_datasets:{collection}",
        total=total,
    )
    return Collection(dataset, corpus, queries, nothing)


def _judged(queries: list[Query], judged: AbstractSet[str] | None) -> list[Query]:
    return [query for query in queries if judged is None or query.qid in judged]


@contextmanager
def _hint(words: str) -> Iterator[None]:
    """Add to what is missing the way to bring it."""
    try:
        yield
    except MissingInput as error:
        raise MissingInput(f"{error}; {words}") from error
