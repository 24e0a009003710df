"""Training lists: candidates in the usual JSON lines, with a `grade` on each and what the list is worth.

    {"query": {...}, "candidates": [{"docid", "score", "doc", "grade"}, ...], "tag",
     "draw": 7, "initial": 0.21, "ideal": 0.64}

A query may have many lists; `draw` tells them apart, and read as candidates they are `<qid>#<draw>`. `initial`
and `ideal` are nDCG@10 of the order as it stands and of the best order of these very passages, both measured
against all judgements of the query.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from rearank_cli.errors import DataError
from rearank_cli.formats.jsonl import Json, candidates_object, checked_draw, parse_candidates, read_objects
from rearank_cli.formats.streams import Sink, Source
from rearank_cli.records import Candidates


@dataclass(frozen=True, slots=True)
class GradedList:
    """One list to train on, as it is presented.

    `grades` are those of the hits, in their order. `initial` and `ideal` lie in 0 to 1, and are None where
    the file does not say. `demonstration` is a completion to imitate (SFT), or empty.
    """

    candidates: Candidates
    grades: tuple[int, ...]
    initial: float | None = None
    ideal: float | None = None
    draw: int = 1
    demonstration: str = ""


def write_list(sink: Sink, graded: GradedList) -> None:
    """Write one line."""
    sink.write(orjson.dumps(list_object(graded), option=orjson.OPT_APPEND_NEWLINE))


def list_object(graded: GradedList) -> Json:
    """Return the JSON object of one list."""
    row = candidates_object(graded.candidates)
    for candidate, grade in zip(row["candidates"], graded.grades, strict=True):
        candidate["grade"] = grade
    row["draw"] = graded.draw
    if graded.initial is not None:
        row["initial"] = graded.initial
    if graded.ideal is not None:
        row["ideal"] = graded.ideal
    if graded.demonstration:
        row["demonstration"] = graded.demonstration
    return row


def read_lists(source: Source) -> Iterator[GradedList]:
    """Yield the lists of a file in order; several may be of one query.

    Raises:
        DataError: a line is no candidates object, a candidate has no grade, or a figure is out of range.
    """
    for place, row in read_objects(source):
        candidates = parse_candidates(place, row)
        yield GradedList(
            candidates,
            _grades(place, row["candidates"] if "candidates" in row else row["hits"]),
            _share(place, "initial", row.get("initial")),
            _share(place, "ideal", row.get("ideal")),
            checked_draw(place, row.get("draw", 1)),
            _demonstration(place, row.get("demonstration", "")),
        )


def _grades(place: str, rows: Sequence[Json]) -> tuple[int, ...]:
    for number, row in enumerate(rows, 1):
        grade = row.get("grade")
        if isinstance(grade, bool) or not isinstance(grade, int):
            raise DataError(
                f"{place}: candidate {number}: expected a `grade`, a whole number, found {grade!r}; "
                "training needs lists that `rearank augment` has graded"
            )
    return tuple(row["grade"] for row in rows)


def _share(place: str, name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise DataError(f"{place}: expected `{name}` as nDCG@10 from 0 to 1, found {value!r}")
    return float(value)


def _demonstration(place: str, value: object) -> str:
    if not isinstance(value, str):
        raise DataError(f"{place}: expected `demonstration` as a string, found {value!r}")
    return value
