"""Files that people write by hand, checked by pydantic before they are believed: one mistake, one sentence.

Loading pydantic takes its time, so that this module is imported where such a file is read.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from rearank_cli.errors import DataError

LARGEST = 1 << 20  # bytes
_SHOWN = 80  # characters of a wrong value
_SHOULD = re.compile(r"^\w+ should ")


class Row(BaseModel):
    """A table of such a file: no other keys, and no value is taken for one of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Checked = TypeVar("Checked", bound=Row)


def checked(kind: type[Checked], data: object, place: str) -> Checked:
    """Return data as a row of this kind.

    Raises:
        DataError: a key is missing or unknown, or a value of the wrong type or out of bounds; the message begins
            with `place`.
    """
    if not isinstance(data, dict):
        raise DataError(f"{place}: expected an object with keys, found {_short(data)}")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise DataError(f"{place}: {_sentence(kind, error.errors(include_url=False)[0])}") from error


def _sentence(kind: type[Row], error: ErrorDetails) -> str:
    """Turn one of pydantic's errors into what was expected and found."""
    key, found = _named(error["loc"]), _short(error["input"])
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "extra_forbidden":
        beside = f"; expected one of {sorted(kind.model_fields)}" if len(error["loc"]) == 1 else ""
        return f"unknown key {key}{beside}"
    if error["type"] == "missing":
        return f"expected a key {key}, found none"
    return f"expected {key} to {_SHOULD.sub('', error['msg'])}, found {found}"


def _named(loc: Sequence[str | int]) -> str:
    """Return the name of a place in a file, the innermost key first.

    >>> _named(("turn", 1, "role")), _named(("remove", 0))
    ('`role` of `turn` 2', '`remove` 1')
    """
    names: list[str] = []
    for part in loc:
        if isinstance(part, int):
            names[-1] += f" {part + 1}"
        else:
            names.append(f"`{part}`")
    return " of ".join(reversed(names))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."


def small_text(path: Path) -> str:
    """Return the text of a file that a person wrote.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
        DataError: it is larger than 1 MiB.
    """
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise DataError(
            f"{path}: expected a file of at most {LARGEST} bytes, found more; is it the right one?"
        )
    return data.decode("utf-8")


def json_value(text: str) -> object:
    """Return what a JSON text holds.

    Raises:
        ValueError: it does not parse, holds NaN or an infinity, or has a key twice.
        RecursionError: it is nested too deep.
    """
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice")
        found[key] = value
    return found


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
