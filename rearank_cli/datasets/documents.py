"""Documents and queries from files: JSON lines, or two columns of TSV; either may be packed with gzip."""

from collections.abc import Iterator
from dataclasses import dataclass

from rearank_cli.console import note
from rearank_cli.errors import DataError
from rearank_cli.formats import jsonl, tsv
from rearank_cli.formats.streams import Source
from rearank_cli.records import Query

ID_KEYS = ("_id", "id", "pid", "passage_id", "docid", "docno", "doc_id")
"""Names of a document's id; `pid` stands before `docid`, which is the parent's in MS MARCO v2."""
QID_KEYS = ("_id", "id", "qid", "query_id")


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

    `ID_KEYS` serve as well as `_id`; `contents`, `passage`, `segment`, `content`, `body` as `text`. A document
    may have a title alone. One whose text is null is left out, and one that stands there again, word for word,
    is yielded once; how many is said on stderr.

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
    without = 0
    for place, row in jsonl.read_objects(source):
        docid = jsonl.id_of(place, "a document", row, ID_KEYS)
        text, title = jsonl.text_and_title(row)
        if text is not None:
            yield place, Document(docid, text, title)
        elif any(key in row and row[key] is None for key in jsonl.TEXT_KEYS):
            without += 1
        else:
            raise DataError(
                f"{place}: document {docid!r} has no text; expected one of {', '.join(jsonl.TEXT_KEYS)}"
            )
    if without:
        note(f"{source.name}: left out {without} documents whose text is null")


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
        texts = (row.get(key) for key in ("text", "query", "title"))
        text = next((text for text in texts if text is not None), None)
        yield place, _query(place, jsonl.id_of(place, "a query", row, QID_KEYS), text)


def _tsv_queries(source: Source, *, plain: bool) -> Iterator[tuple[str, Query]]:
    for place, qid, text in tsv.read_pairs(source, "qid<TAB>text", numbered=plain):
        yield place, _query(place, qid, text)


def _query(place: str, qid: str, text: object) -> Query:
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{place}: query {qid!r} has no text; a retriever needs the words")
    return Query(qid, text)
