"""Documents and queries from files: JSON lines, or two columns of TSV; either may be packed with gzip."""

from collections.abc import Iterator
from dataclasses import dataclass

from rearank_cli.console import note
from rearank_cli.errors import DataError
from rearank_cli.formats import jsonl, tsv
from rearank_cli.formats.streams import Source
from rearank_cli.records import Query

ID_KEYS = ("_id", "id", "docid")
QID_KEYS = ("_id", "id", "qid")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a collection."""

    docid: str
    text: str
    title: str = ""

    @property
    def indexed(self) -> str:
        """The words that a retriever sees: title, then text."""
        return f"{self.title} {self.text}" if self.title else self.text


def read_documents(source: Source) -> Iterator[Document]:
    """Yield the documents of a collection: JSON objects with `_id`, `text` and perhaps `title`, or TSV.

    `id` and `docid` serve as well as `_id`; `contents`, `passage`, `segment`, `content`, `body` as `text`. A
    document that stands there again, word for word, is yielded once; how many did is said on stderr.

    Raises:
        DataError: no document, a line does not parse, has no id or no text, or two documents have one id.
    """
    rows = _json_documents(source) if source.peek() in (b"{", b"[") else _tsv_documents(source)
    seen: dict[str, int] = {}
    again = 0
    for place, document in rows:
        words = hash((document.title, document.text))
        known = seen.get(document.docid)
        if known is None:
            seen[document.docid] = words
            yield document
        elif known == words:
            again += 1
        else:
            raise DataError(
                f"{place}: document {document.docid!r} stands twice with different texts; keep one"
            )
    if not seen:
        raise DataError(f"{source.name}: expected a collection of documents, found nothing")
    if again:
        note(f"{source.name}: {again} documents stand there again, word for word; each was kept once")


def _json_documents(source: Source) -> Iterator[tuple[str, Document]]:
    for place, row in jsonl.read_objects(source):
        docid = jsonl.checked_id(place, "the document's _id", _first(row, ID_KEYS))
        text, title = _first(row, jsonl.TEXT_KEYS), row.get("title")
        if not isinstance(text, str):
            raise DataError(
                f"{place}: document {docid!r} has no text; expected one of {', '.join(jsonl.TEXT_KEYS)}"
            )
        yield place, Document(docid, text, title if isinstance(title, str) else "")


def _tsv_documents(source: Source) -> Iterator[tuple[str, Document]]:
    for place, docid, text in tsv.read_pairs(source, "docid<TAB>text"):
        yield place, Document(docid, text)


def read_queries(source: Source, *, plain: bool = False) -> Iterator[Query]:
    """Yield the queries of a topics file: JSON objects with `_id` and `text`, or `qid<TAB>text`.

    With `plain`, a line without a tab is a query too, known by its line's number. Each query is yielded as
    soon as its line has been read.

    Raises:
        DataError: no query, a line does not parse, has no id or no text, or an id stands twice.
    """
    rows = _json_queries(source) if source.peek() in (b"{", b"[") else _tsv_queries(source, plain=plain)
    seen: set[str] = set()
    for place, query in rows:
        if query.qid in seen:
            raise DataError(f"{place}: query {query.qid!r} stands twice; keep one")
        seen.add(query.qid)
        yield query
    if not seen:
        raise DataError(f"{source.name}: expected queries, found nothing")


def _json_queries(source: Source) -> Iterator[tuple[str, Query]]:
    for place, row in jsonl.read_objects(source):
        qid = jsonl.checked_id(place, "the query's _id", _first(row, QID_KEYS))
        text = _first(row, ("text", "query", "title"))
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{place}: query {qid!r} has no text; a retriever needs the words")
        yield place, Query(qid, text)


def _tsv_queries(source: Source, *, plain: bool) -> Iterator[tuple[str, Query]]:
    for place, qid, text in tsv.read_pairs(source, "qid<TAB>text", numbered=plain):
        yield place, Query(qid, text)


def _first(row: jsonl.Json, keys: tuple[str, ...]) -> object:
    return next((row[key] for key in keys if key in row), None)
