"""Candidates as JSON lines: one query with its ranked hits a line.

Written in rank_llm's layout; read also in RankGPT's and REARANK's (`query`, `hits`), one object a line
or one JSON list, with `doc` as `text`, `contents`, `passage`, `segment`, `content` or a bare string.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from rearank_cli.errors import DataError
from rearank_cli.formats.draws import name_of_draw
from rearank_cli.formats.elements import elements, parsed
from rearank_cli.formats.streams import Sink, Source
from rearank_cli.records import Candidates, Hit, Query

if TYPE_CHECKING:
    import jsonlines

DOCID_KEYS = ("docid", "_id", "id", "pid", "passage_id", "docno", "doc_id")
QID_KEYS = ("qid", "_id", "id", "query_id")
TEXT_KEYS = ("text", "contents", "passage", "segment", "content", "body")
Json = dict[str, Any]  # what a JSON object is before it has been checked


def read_objects(source: Source) -> Iterator[tuple[str, Json]]:
    """Yield (place for messages, object) of JSON lines or of one JSON list.

    Raises:
        DataError: not UTF-8, not JSON, not an object, or one of more than 4 million values; the message names
            the line, or the place in the list.
    """
    if source.peek() == b"[":
        yield from _read_list(source)
        return
    import jsonlines  # as slow to load as all of ours, and a TREC run needs none

    at = 0

    def numbered() -> Iterator[bytes]:
        nonlocal at
        for at, line in enumerate(source.raw_lines(), 1):  # noqa: B007 - read below
            yield line

    reader = jsonlines.Reader(numbered(), loads=lambda text: parsed(f"{source.name}:{at}", text))
    while True:
        try:
            value = reader.read(skip_empty=True, allow_none=True)
        except EOFError:
            return
        except jsonlines.InvalidLineError as error:
            raise DataError(
                f"{source.name}:{error.lineno}: expected one JSON object a line, found none that parses "
                f"({_first_sentence(error)}){_hint(error)}"
            ) from error
        yield _checked(f"{source.name}:{at}", value)


def _read_list(source: Source) -> Iterator[tuple[str, Json]]:
    for place, text in elements(source.name, source.pieces()):
        try:
            value = parsed(place, text)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{place}: expected a JSON object, found none that parses ({error})") from error
        yield _checked(place, value)


def _first_sentence(error: "jsonlines.InvalidLineError") -> str:
    return str(error).split(" (line ")[0]


def _hint(error: "jsonlines.InvalidLineError") -> str:
    """Ask if the file is cut short, if a line stops before its end."""
    cause = error.__cause__
    at_end = isinstance(cause, orjson.JSONDecodeError) and cause.pos >= len(str(error.line).rstrip()) - 1
    return "; is the file cut short?" if at_end else ""


def _checked(place: str, value: object) -> tuple[str, Json]:
    if not isinstance(value, dict):
        raise DataError(f"{place}: expected a JSON object, found {_kind(value)}")
    return place, value


def read_candidates(source: Source) -> Iterator[Candidates]:
    """Yield the queries of a candidates stream, each with its hits in the order given.

    A list that `rearank augment` drew goes by the name of its draw, since a query has many.

    Raises:
        DataError: a line does not parse, a query or document lacks its text, an id is repeated or has
            white space, or a score is not finite.
    """
    seen: set[str] = set()
    for place, row in read_objects(source):
        candidates = parse_candidates(place, row)
        if "draw" in row:
            qid = name_of_draw(candidates.query.qid, checked_draw(place, row["draw"]))
            candidates = replace(candidates, query=replace(candidates.query, qid=qid))
        if candidates.query.qid in seen:
            raise DataError(f"{place}: query {candidates.query.qid!r} stands twice in this input; keep one")
        seen.add(candidates.query.qid)
        yield candidates


def parse_candidates(place: str, row: Json) -> Candidates:
    """Check one candidates object; `place` begins each message. Raises DataError."""
    if "candidates" in row:
        rows, query = row["candidates"], row.get("query")
    elif "hits" in row:
        rows, query = row["hits"], _rankgpt_query(row)
    else:
        raise DataError(f'{place}: expected an object with "query" and "candidates", found {sorted(row)[:6]}')
    if not isinstance(rows, list):
        raise DataError(f"{place}: expected a list of candidates, found {_kind(rows)}")
    return Candidates(_query(place, query), _hits(place, rows), tag=str(row.get("tag") or ""))


def _rankgpt_query(row: Json) -> Json:
    first = row["hits"][0] if isinstance(row["hits"], list) and row["hits"] else {}
    qid = row.get("qid", first.get("qid") if isinstance(first, dict) else None)
    return {"qid": qid, "text": row.get("query")}


def _query(place: str, query: object) -> Query:
    if not isinstance(query, dict):
        raise DataError(f'{place}: expected "query" as an object with "qid" and "text", found {_kind(query)}')
    text = query.get("text")
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{place}: query {query.get('qid')!r} has no text; a reranker needs the words")
    return Query(id_of(place, "a query", query, QID_KEYS), text)


def _hits(place: str, rows: list[object]) -> tuple[Hit, ...]:
    hits = tuple(_hit(place, number, row, len(rows)) for number, row in enumerate(rows, 1))
    if len({hit.docid for hit in hits}) < len(hits):
        seen: set[str] = set()
        twice = next(hit.docid for hit in hits if hit.docid in seen or seen.add(hit.docid))  # type: ignore[func-returns-value]
        raise DataError(f"{place}: document {twice!r} stands twice among the candidates; keep one")
    return hits


def _hit(place: str, number: int, row: object, total: int) -> Hit:
    if not isinstance(row, dict):
        raise DataError(f"{place}: candidate {number}: expected an object, found {_kind(row)}")
    docid = id_of(f"{place}: candidate {number}", "a document", row, DOCID_KEYS)
    text, title = _document(row.get("doc", row))
    if text is None:
        raise DataError(f"{place}: document {docid!r} has no text; expected one of {', '.join(TEXT_KEYS)}")
    score = row.get("score")
    if score is None:
        score = total - number + 1
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise DataError(f"{place}: document {docid!r}: expected a finite score, found {score!r}")
    return Hit(docid, float(score), text, title)


def _document(doc: object) -> tuple[str | None, str]:
    if isinstance(doc, str):
        return doc, ""
    return text_and_title(doc) if isinstance(doc, dict) else (None, "")


def text_and_title(doc: Json) -> tuple[str | None, str]:
    """Return the text of a document, None if it has neither text nor title, and its title."""
    given, title = doc.get("title"), ""
    if isinstance(given, str):
        title = given
    text = next((doc[key] for key in TEXT_KEYS if isinstance(doc.get(key), str)), None)
    if text is None and title.strip() and all(doc.get(key) is None for key in TEXT_KEYS):
        return "", title  # a page of which only the title is known
    return text, title


def id_of(place: str, whose: str, row: Json, keys: Sequence[str]) -> str:
    """Return an id as a string, that of the first of `keys` which is there.

    Raises:
        DataError: none is, or it is no string, empty or has white space; the message begins with `place`.
    """
    key = next((key for key in keys if row.get(key) is not None), None)
    if key is None:
        raise DataError(f"{place}: expected the id of {whose} as one of {', '.join(keys)}, found none")
    return checked_id(place, key, row[key])


def checked_id(place: str, name: str, value: object) -> str:
    """Return an id as a string. Raises DataError where it is missing, empty or holds white space."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise DataError(f"{place}: expected {name} as a string, found {value!r}")
    text = str(value)
    if text.split() != [text] or "\0" in text:
        raise DataError(f"{place}: {name} {text!r} holds white space or NUL, which a TREC run cannot carry")
    return text


def checked_draw(place: str, value: object) -> int:
    """Return the number of a draw. Raises DataError where it is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise DataError(f"{place}: expected `draw` as a whole number, found {value!r}")
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "nothing"}
    return names.get(type(value), "a number")


def write_candidates(sink: Sink, candidates: Candidates) -> None:
    """Write one line and hand it over, so that the next stage can start."""
    sink.write(orjson.dumps(candidates_object(candidates), option=orjson.OPT_APPEND_NEWLINE))
    sink.flush()


def candidates_object(candidates: Candidates) -> Json:
    """Return the JSON object of one query: `query`, `candidates`, and `tag` where there is one."""
    row: Json = {
        "query": {"qid": candidates.query.qid, "text": candidates.query.text},
        "candidates": [
            {"docid": hit.docid, "score": hit.score, "doc": _doc_object(hit)} for hit in candidates.hits
        ],
    }
    if candidates.tag:
        row["tag"] = candidates.tag
    return row


def _doc_object(hit: Hit) -> Json:
    text = {"text": hit.text or ""}
    return {"title": hit.title, **text} if hit.title else text
