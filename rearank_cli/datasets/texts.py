"""Texts for a bare run: a TREC run knows docids and qids only, and a reranker needs the words."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from rearank_cli.console import note
from rearank_cli.datasets.collections import UNNAMED, Lookup, file_corpus
from rearank_cli.datasets.documents import Document, read_queries
from rearank_cli.datasets.opening import open_dataset
from rearank_cli.errors import MissingInput
from rearank_cli.formats.streams import open_source
from rearank_cli.formats.trec import dataset_of
from rearank_cli.records import Candidates, Hit, Query

BATCH = 100_000
"""Hits whose texts are looked up at a time: a corpus file is read once for each batch."""
NAMED = 5
"""Missing documents that a message names."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Where the words of a run are: `find` for documents, `queries` as qid -> text; `name` for the tag."""

    name: str
    find: Lookup
    queries: Mapping[str, str]


def open_texts(dataset: str, corpus: str, topics: str, *, split: str = "test", yes: bool = False) -> Texts:
    """Return the texts of a dataset, or of the files `corpus` and `topics`; "" is what was not given.

    A file stands before the dataset. `yes` agrees to a large download.

    Raises:
        MissingInput: no such dataset or file, or neither was given.
        DataError: the topics are malformed.
    """
    collection = open_dataset(dataset, split, all_queries=True, yes=yes) if dataset else None
    if not (collection or (corpus and topics)):
        raise MissingInput(
            "a bare run has no texts: expected --dataset NAME, or --corpus FILE and --topics FILE"
        )
    find = file_corpus(corpus).find if corpus or not collection else collection.corpus.find
    if collection and not topics:
        queries = collection.queries()
    else:
        with open_source(topics) as source:
            queries = list(read_queries(source))
    return Texts(
        collection.tag if collection else UNNAMED, find, {query.qid: query.text for query in queries}
    )


def attach_texts(run: Iterable[Candidates], texts: Texts, *, skip_missing: bool) -> Iterator[Candidates]:
    """Yield the queries of a run, in its order, with the texts that they lack.

    Texts are looked up in batches of whole queries. `skip_missing` leaves out documents that are not there,
    and names them on stderr at the end.

    Raises:
        MissingInput: a query's or, without `skip_missing`, a document's text is not there.
    """
    missing: list[str] = []
    for batch in _batches(run):
        wanted = {hit.docid for hit in chain.from_iterable(one.hits for one in batch) if hit.text is None}
        found = texts.find(wanted) if wanted else {}
        for one in batch:
            lacking = [hit.docid for hit in one.hits if hit.text is None and hit.docid not in found]
            if lacking and not skip_missing:
                raise MissingInput(
                    f"query {one.query.qid!r}: {_named(lacking)} not in the collection; is it the right one? "
                    "--skip-missing leaves such documents out"
                )
            missing += lacking
            yield _complete(one, texts, found)
    if missing:
        note(f"left out what is not in the collection: {_named(missing)}")


def _batches(run: Iterable[Candidates]) -> Iterator[list[Candidates]]:
    batch: list[Candidates] = []
    for one in run:
        batch.append(one)
        if sum(len(each.hits) for each in batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _named(docids: list[str]) -> str:
    rest = len(docids) - NAMED
    return ", ".join(map(repr, docids[:NAMED])) + (f" and {rest} more" if rest > 0 else "")


def _complete(one: Candidates, texts: Texts, found: Mapping[str, Document]) -> Candidates:
    text = one.query.text or texts.queries.get(one.query.qid, "")
    if not text:
        raise MissingInput(
            f"query {one.query.qid!r} of the run is not among the queries; are they the right ones?"
        )
    hits = tuple(
        hit if hit.text is not None else _with_text(hit, found[hit.docid])
        for hit in one.hits
        if hit.text is not None or hit.docid in found
    )
    return Candidates(Query(one.query.qid, text), hits, provenance(texts.name, one.tag))


def _with_text(hit: Hit, document: Document) -> Hit:
    return replace(hit, text=document.text, title=document.title)


def provenance(dataset: str, tag: str) -> str:
    """Return a run's tag with its dataset: a tag that names one keeps it, a foreign word is the retriever.

    >>> provenance("dl19", "anserini"), provenance("dl19", "-:bm25"), provenance("dl19", "dl20:bm25")
    ('dl19:anserini', 'dl19:bm25', 'dl20:bm25')
    """
    return tag if dataset_of(tag) else f"{dataset}:{tag.removeprefix('-:')}"
