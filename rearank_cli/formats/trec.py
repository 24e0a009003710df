"""TREC files: runs (six columns), judgements (qrels), topics.

A run line is `qid Q0 docid rank score tag`; a judgement line is `qid 0 docid grade`, or BEIR's
`query-id<TAB>corpus-id<TAB>score` below a header; a topics line is `qid<TAB>text`.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO

from rearank_cli.errors import DataError
from rearank_cli.formats import regular
from rearank_cli.formats.streams import Sink, Source, decoded
from rearank_cli.records import Candidates, Hit, Query

RUN_COLUMNS = 6
QRELS_COLUMNS = 4
GREATEST_GRADE = 100_000  # trec_eval's memory grows with the greatest one


@dataclass(frozen=True, slots=True)
class RunLine:
    """One line of a run, with its number for messages."""

    number: int
    qid: str
    docid: str
    rank: str
    score: float
    tag: str


def run_lines(numbered: Iterable[tuple[int, str]], name: str) -> Iterator[RunLine]:
    """Read the lines of a run; lines that begin with `#` are comments, as trec_eval has it.

    Raises:
        DataError: a line has other than six columns, or a score that is not a finite number.
    """
    for number, line in numbered:
        if line.startswith("#"):
            continue
        columns = _columns(name, number, line)
        if len(columns) != RUN_COLUMNS:
            raise DataError(
                f"{name}:{number}: expected six columns (qid Q0 docid rank score tag), found {len(columns)}"
            )
        qid, _, docid, rank, score, tag = columns
        yield RunLine(number, qid, docid, rank, _score(f"{name}:{number}", score), tag)


def _columns(name: str, number: int, line: str) -> list[str]:
    if "\0" in line:
        raise DataError(f"{name}:{number}: expected text, found a NUL byte; is this another kind of file?")
    return line.split()


def _plain(text: str) -> str:
    """Return a text that may be a number. Raises ValueError for what Python alone reads as one: `1_0`, other digits."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


def _score(place: str, text: str) -> float:
    try:
        score = float(_plain(text))
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise DataError(f"{place}: expected a finite number as score (column 5), found {text!r}")
    return score


def twice(name: str, line: RunLine) -> DataError:
    """Return the error for a document that stands twice for one query."""
    return DataError(f"{name}:{line.number}: document {line.docid!r} stands twice for query {line.qid!r}")


def read_run(source: Source) -> list[Candidates]:
    """Read a run: its queries in order of appearance, hits by score, equal ones as they stand.

    Raises:
        DataError: no line, a line with other than six columns, a score that is not a finite number, or a
            document that stands twice for one query.
    """
    hits: dict[str, dict[str, Hit]] = {}
    tag = ""
    for line in run_lines(source.lines(), source.name):
        ranking = hits.setdefault(line.qid, {})
        if line.docid in ranking:
            raise twice(source.name, line)
        ranking[line.docid] = Hit(line.docid, line.score)
        tag = line.tag
    if not hits:
        raise DataError(f"{source.name}: expected lines of a run, found none; did a stage fail?")
    return [Candidates(Query(qid, ""), _by_score(ranking.values()), tag) for qid, ranking in hits.items()]


def _by_score(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    return tuple(sorted(hits, key=lambda hit: -hit.score))


def write_run(sink: Sink, candidates: Candidates, tag: str) -> None:
    """Write the lines of one query: ranks from 1, scores n ... 1, so that every evaluator sees this order."""
    qid, total = candidates.query.qid, len(candidates.hits)
    sink.write(
        "".join(
            f"{qid} Q0 {hit.docid} {rank} {total - rank + 1} {tag}\n"
            for rank, hit in enumerate(candidates.hits, 1)
        ).encode()
    )
    sink.flush()


def read_qrels(source: Source) -> dict[str, dict[str, int]]:
    """Read judgements: qid -> docid -> grade, in TREC's four columns or BEIR's three with a header.

    Raises:
        DataError: a line fits neither layout, a grade is not a whole number, a document has two grades, or
            the file is empty.
    """
    qrels: dict[str, dict[str, int]] = {}
    number = 1
    for block in source.raw_blocks(regular.BLOCK):
        if not _add_regular(qrels, block):
            _add_judgements(qrels, source.name, decoded(source.name, BytesIO(block), number))
        number += block.count(b"\n")
    if not qrels:
        raise DataError(f"{source.name}: expected judgements, found an empty file")
    return qrels


def _add_regular(qrels: dict[str, dict[str, int]], block: bytes) -> bool:
    """Add a block of TREC's judgements, each query in one piece; False, and nothing added, for any other."""
    fields = regular.fields(block, QRELS_COLUMNS)
    try:
        grades_given = fields[3::QRELS_COLUMNS]
        _plain("".join(grades_given))
        values = list(map(int, grades_given))
    except ValueError:
        return False
    if values and max(abs(min(values)), max(values)) > GREATEST_GRADE:
        return False
    docids = fields[2::QRELS_COLUMNS]
    found: dict[str, dict[str, int]] = {}
    for qid, lines in regular.pieces(fields[::QRELS_COLUMNS]):
        grades = dict(zip(docids[lines], values[lines], strict=True))
        if (
            qid in found
            or len(grades) < len(docids[lines])
            or not grades.keys().isdisjoint(qrels.get(qid, ()))
        ):
            return False
        found[qid] = grades
    for qid, grades in found.items():
        qrels.setdefault(qid, {}).update(grades)
    return bool(found)


def _add_judgements(qrels: dict[str, dict[str, int]], name: str, numbered: Iterable[tuple[int, str]]) -> None:
    for number, line in numbered:
        if line.startswith("#"):
            continue  # a comment, as trec_eval has it
        columns = _columns(name, number, line)
        if len(columns) == QRELS_COLUMNS:
            qid, _, docid, grade = columns
        elif len(columns) == QRELS_COLUMNS - 1:
            qid, docid, grade = columns
            if number == 1 and not grade.lstrip("+-").isdigit():
                continue  # BEIR's header
        else:
            raise DataError(
                f"{name}:{number}: expected judgements as `qid 0 docid grade`, found {len(columns)} columns"
            )
        value = _grade(f"{name}:{number}", grade)
        if qrels.setdefault(qid, {}).setdefault(docid, value) != value:
            raise DataError(
                f"{name}:{number}: document {docid!r} is judged twice for query {qid!r}, "
                f"{qrels[qid][docid]} and {value}; keep one"
            )


def _grade(place: str, text: str) -> int:
    try:
        grade = int(_plain(text))
    except ValueError as error:
        raise DataError(f"{place}: expected a whole number as grade, found {text[:40]!r}") from error
    if abs(grade) > GREATEST_GRADE:
        raise DataError(f"{place}: expected a grade of at most {GREATEST_GRADE}, found {grade}")
    return grade


def clean_tag(tag: str) -> str:
    """Return a run tag as UTF-8 without white space, since it is one column; a file's name need not be text.

    >>> clean_tag("my run")
    'my_run'
    """
    return "_".join(tag.encode(errors="backslashreplace").decode().split())


def dataset_of(tag: str) -> str:
    """Return the dataset part of a tag `<dataset>:<retriever>[:<model>]`, or "" for a foreign one-word tag.

    >>> dataset_of("dl19:bm25:le723z/Rearank-7B"), dataset_of("anserini"), dataset_of("-:x")
    ('dl19', '', '')
    """
    dataset, colon, _ = tag.partition(":")
    return dataset if colon and dataset != "-" else ""
