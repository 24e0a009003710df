"""Prompts are data: a TOML file of chat turns, and the one function that fills it.

    name = "mine"
    passage_chars = 400            # cut, after white space is collapsed; absent: whole passages
    passage_words = 300            # the same in words
    titled = "{title} {text}"      # what a passage with a title reads like
    remove = []                    # strings taken out of a passage first
    think = true                   # the answer comes after reasoning
    max_tokens = 2048              # of one completion, at most

    [[turn]]
    role = "user"                  # system, user or assistant
    text = "{count} passages for: {query}"

    [[turn]]                       # neighbours with `each = "passage"` are repeated together, once a passage
    role = "user"
    each = "passage"
    text = "[{number}] {passage}"

A turn may also hold all passages at once, as `{passages}`, with `passage` (what one of them reads like)
and `separator` beside `text`. Only these placeholders are filled; other braces stay.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from rearank_cli.errors import DataError, MissingInput, UsageError
from rearank_cli.records import Hit, Message

FOLDER = Path(__file__).parent / "templates"
ROLES = ("system", "user", "assistant")
_TYPES = {
    "name": str,
    "passage_chars": int,
    "passage_words": int,
    "titled": str,
    "remove": list,
    "think": bool,
    "max_tokens": int,
}
_FIELD = re.compile(r"\{(query|count|number|passage|passages|title|text)\}")
_REMEMBERED = 65_536  # passages


@dataclass(frozen=True, slots=True)
class Turn:
    """One chat turn of a template; `each` repeats it for every passage."""

    role: str
    text: str
    each: bool = False
    passage: str = "[{number}] {passage}"
    separator: str = "\n"


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt before it is filled.

    `passage_chars` and `passage_words` cut a passage, `max_tokens` bounds a completion.
    """

    name: str
    turns: tuple[Turn, ...]
    passage_chars: int | None = None
    passage_words: int | None = None
    titled: str = "{title} {text}"
    remove: tuple[str, ...] = ()
    think: bool = False
    max_tokens: int = 256


def built_in() -> tuple[str, ...]:
    """Return the names of the prompts that the package carries."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load(name: str) -> Template:
    """Load a built-in prompt by name, or a TOML file by its path.

    Raises:
        MissingInput: no such file.
        UsageError: a name that no built-in prompt has.
        DataError: the file is not a prompt.
    """
    if not name.endswith(".toml"):
        if name not in built_in():
            known = ", ".join(built_in())
            raise UsageError(f"prompt {name!r} is unknown: expected {known}, or a file that ends in .toml")
        return load(str(FOLDER / f"{name}.toml"))
    try:
        data = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInput(f"{name}: the prompt file cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: expected a prompt as TOML, found none that parses ({error})") from error
    return _template(name, data)


def _template(place: str, data: Mapping[str, Any]) -> Template:
    turns = data.get("turn")
    if not isinstance(turns, list) or not turns:
        raise DataError(f"{place}: expected at least one [[turn]], found none")
    rest = {key: value for key, value in data.items() if key != "turn"}
    _check_keys(place, rest, {field.name for field in fields(Template)} - {"turns"})
    for key, kind in _TYPES.items():
        if not isinstance(rest.get(key, None if key == "name" else kind()), kind):
            raise DataError(
                f"{place}: expected {key!r} as {kind.__name__} at the top, found {rest.get(key)!r}"
            )
    remove = tuple(rest.pop("remove", ()))
    return Template(turns=tuple(_turn(place, turn) for turn in turns), remove=remove, **rest)


def _turn(place: str, data: Mapping[str, Any]) -> Turn:
    _check_keys(place, data, {field.name for field in fields(Turn)})
    if data.get("role") not in ROLES or not isinstance(data.get("text"), str):
        raise DataError(
            f"{place}: expected each [[turn]] with a `role` of {ROLES} and a `text`, found {dict(data)}"
        )
    if data.get("each", "passage") != "passage":
        raise DataError(f'{place}: expected `each = "passage"`, found {data["each"]!r}')
    return Turn(**{**data, "each": "each" in data})


def _check_keys(place: str, data: Mapping[str, Any], known: set[str]) -> None:
    for key in data:
        if key not in known:
            raise DataError(f"{place}: unknown key {key!r} in a prompt; expected one of {sorted(known)}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Fill the placeholders of a text in one pass; what is filled in is never looked at again.

    >>> fill("{count} for {query} {other}", {"count": "2", "query": "{count}"})
    '2 for {count} {other}'
    """
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), text)


def passage_text(template: Template, hit: Hit) -> str:
    """Return what the model sees of one hit: title and text joined, cleaned, cut.

    >>> passage_text(Template("x", (), passage_chars=9), Hit("d", 1.0, "a  long\\ntext", "T"))
    'T a long '
    """
    text = hit.text or ""
    if hit.title:
        text = fill(template.titled, {"title": hit.title, "text": text})
    for unwanted in template.remove:
        text = text.replace(unwanted, "")
    return " ".join(text.split()[: template.passage_words])[: template.passage_chars]


class Passages:
    """`passage_text`, remembered for what was shown last.

    Documents are known by a hash of 64 bits: what is kept does not grow with their length.
    """

    def __init__(self, template: Template) -> None:
        self._template = template
        self._known: dict[int, str] = {}

    def __call__(self, hit: Hit) -> str:
        """Return what the model sees of one hit."""
        key = hash((hit.text, hit.title))
        text = self._known.get(key)
        if text is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            text = self._known[key] = passage_text(self._template, hit)
        return text


def render(template: Template, query: str, passages: Sequence[str]) -> tuple[Message, ...]:
    """Fill a template with a query and the passages (as `passage_text` gives them) of one window."""
    common = {"query": query, "count": str(len(passages))}
    return tuple(_messages(template, common, passages))


def _messages(template: Template, common: dict[str, str], passages: Sequence[str]) -> Iterator[Message]:
    for each, turns in groupby(template.turns, key=lambda turn: turn.each):
        if each:
            group = tuple(turns)
            for number, passage in enumerate(passages, 1):
                values = {**common, "number": str(number), "passage": passage}
                yield from (Message(turn.role, fill(turn.text, values)) for turn in group)
        else:
            for turn in turns:
                joined = _joined(turn, passages) if "{passages}" in turn.text else ""
                yield Message(turn.role, fill(turn.text, {**common, "passages": joined}))


def _joined(turn: Turn, passages: Sequence[str]) -> str:
    return turn.separator.join(
        fill(turn.passage, {"number": str(number), "passage": passage})
        for number, passage in enumerate(passages, 1)
    )
