"""The windows that a trace recorded, as an evaluation needs them: every field checked, a wrong one named."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rearank_cli.errors import DataError
from rearank_cli.formats.jsonl import Json, checked_id, read_objects
from rearank_cli.formats.streams import Source
from rearank_cli.records import Outcome

GREATEST = 10**9
"""Tokens, or seconds, of the longest answer that is believed."""
SHOWN = 60  # characters of a wrong value in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One answer: the docids in the order presented, what was written, how it was read, what it cost.

    `question` is alike in the answers to a window that was asked again. `outcome` is None if the line does not say.
    `order` are places (from 1) in the order that was read, empty if the line does not say. `seconds` are those of
    the call.
    """

    qid: str
    question: str
    docids: tuple[str, ...]
    completion: str
    outcome: Outcome | None
    order: tuple[int, ...]
    prompt_tokens: int
    output_tokens: int
    seconds: float


def read_windows(source: Source) -> Iterator[tuple[str, Window]]:
    """Yield (place for messages, window) of a trace, headers left out.

    Raises:
        DataError: a line is no JSON object, lacks its qid, or has a field of another type or beyond its range.
    """
    for place, row in read_objects(source):
        if "completion" not in row:
            continue  # the header of a start
        if "qid" not in row:
            raise DataError(
                f'{place}: expected "qid" beside "completion", found {_shown(sorted(row))}; is this a trace?'
            )
        yield (
            place,
            Window(
                qid=checked_id(place, "qid", row["qid"]),
                question=f"{row.get('prompt')} {row.get('sample', 0)} {row.get('repeat', 0)}",
                docids=tuple(checked_id(place, "docid", docid) for docid in _list(place, row, "docids")),
                completion=_completion(place, row["completion"]),
                outcome=_outcome(place, row["outcome"]) if "outcome" in row else None,
                order=tuple(_place(place, number) for number in _list(place, row, "permutation")),
                prompt_tokens=_tokens(place, row, "prompt_tokens"),
                output_tokens=_tokens(place, row, "output_tokens"),
                seconds=_number(place, row, "seconds"),
            ),
        )


def _wrong(place: str, name: str, expected: str, value: object) -> DataError:
    return DataError(
        f'{place}: expected "{name}" as {expected}, found {_shown(value)}; is the trace damaged?'
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."


def _completion(place: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(place, "completion", "a string", value)
    return value


def _outcome(place: str, value: object) -> Outcome:
    if not isinstance(value, str) or value not in set(Outcome):
        raise _wrong(place, "outcome", f"one of {', '.join(Outcome)}", value)
    return Outcome(value)


def _list(place: str, row: Json, name: str) -> list[object]:
    value = row.get(name, [])
    if not isinstance(value, list):
        raise _wrong(place, name, "a list", value)
    return value


def _place(place: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(place, "permutation", "numbers from 1", value)
    return value


def _tokens(place: str, row: Json, name: str) -> int:
    value = _number(place, row, name)
    if value != int(value):
        raise _wrong(place, name, "a whole number", row[name])
    return int(value)


def _number(place: str, row: Json, name: str) -> float:
    value = row.get(name, 0)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 <= value <= GREATEST:
        raise _wrong(place, name, f"a number from 0 to {GREATEST}", value)
    return float(value)
