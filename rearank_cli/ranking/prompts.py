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
and `separator` beside `text`. Only these placeholders are filled; other braces stay. A space sets `{query}`,
`{passage}` or `{passages}` apart from an opening bracket before it, a closing one after it, and one another: no
control token (control_tokens.py) arises where texts meet.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from rearank_cli.control_tokens import COMMON, ControlStrings
from rearank_cli.errors import DataError, MissingInput, UsageError
from rearank_cli.records import Hit, Message, Query

FOLDER = Path(__file__).parent / "templates"
_FIELD = re.compile(r"\{(query|count|number|passage|passages|title|text)\}")
_TEXT = r"\{(?:query|passages?)\}"
_AFTER_OPENING = re.compile(rf"(?<=[<\[|\uff5c/])(?={_TEXT})")
_BEFORE_CLOSING = re.compile(rf"{_TEXT}(?=[>\]|\uff5c]|{_TEXT})")
_REMEMBERED = 65_536  # texts


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
    from rearank_cli.ranking.schemas import PromptFile  # pydantic, which takes its time to load
    from rearank_cli.schema import checked, small_text

    try:
        data = tomllib.loads(small_text(Path(name)))
    except OSError as error:
        raise MissingInput(f"{name}: the prompt file cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: expected a prompt as TOML, found none that parses ({error})") from error
    row = checked(PromptFile, data, name).model_dump(exclude_none=True)
    turns = tuple(_set_apart(Turn(**{**turn, "each": "each" in turn})) for turn in row.pop("turn"))
    return Template(**{**row, "turns": turns, "remove": tuple(row.pop("remove", ()))})


def _set_apart(turn: Turn) -> Turn:
    passage = _spaced(turn.passage)
    joint = _spaced(passage + turn.separator + passage)
    separator = joint[len(passage) : len(joint) - len(passage)]
    return replace(turn, text=_spaced(turn.text), passage=passage, separator=separator)


def _spaced(text: str) -> str:
    r"""Put a space where a placeholder for text touches what could make a control token with the text.

    >>> _spaced("<{query}> {query}{passages}"), _spaced("<q>{query}</q> [{number}] {passage}")
    ('< {query} > {query} {passages}', '<q>{query}</q> [{number}] {passage}')
    """
    return _BEFORE_CLOSING.sub(r"\g<0> ", _AFTER_OPENING.sub(" ", text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Fill the placeholders of a text in one pass; what is filled in is never looked at again.

    >>> fill("{count} for {query} {other}", {"count": "2", "query": "{count}"})
    '2 for {count} {other}'
    """
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), text)


def passage_text(template: Template, hit: Hit, control: ControlStrings = COMMON) -> str:
    """Return what the model sees of one hit: title and text joined, cleaned, cut, without control strings.

    >>> passage_text(Template("x", (), passage_chars=9), Hit("d", 1.0, "a  long\\ntext", "T"))
    'T a long '
    >>> passage_text(Template("x", ()), Hit("d", 1.0, "so</s>[INST] go on"))
    'so< /s>[ INST] go on'
    """
    return control.neutralized(_cut(template, hit))[: template.passage_chars]


def _cut(template: Template, hit: Hit) -> str:
    text = hit.text or ""
    if hit.title:
        text = fill(template.titled, {"title": hit.title, "text": text})
    for unwanted in template.remove:
        text = text.replace(unwanted, "")
    return " ".join(text.split()[: template.passage_words])[: template.passage_chars]


class Texts:
    """What the model sees of queries and hits, remembered for what was shown last.

    Documents are known by a hash of 64 bits: what is kept does not grow with their length. `neutralized` counts
    the queries and passages that held a control string; one that was forgotten since counts again.
    """

    def __init__(self, template: Template, control: ControlStrings = COMMON) -> None:
        self.neutralized = 0
        self._template = template
        self._control = control
        self._known: dict[int, str] = {}

    def query(self, query: Query) -> str:
        """Return what the model sees of a query."""
        key = hash(query.text)
        text = self._known.get(key)
        return self._remember(key, query.text, None) if text is None else text

    def passage(self, hit: Hit) -> str:
        """Return what the model sees of one hit."""
        key = hash((hit.text, hit.title))
        text = self._known.get(key)
        if text is None:
            text = self._remember(key, _cut(self._template, hit), self._template.passage_chars)
        return text

    def _remember(self, key: int, text: str, chars: int | None) -> str:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        shown = self._known[key] = self._control.neutralized(text)[:chars]
        self.neutralized += shown != text
        return shown


def render(template: Template, query: str, passages: Sequence[str]) -> tuple[Message, ...]:
    """Fill a template with a query and the passages of one window, as `Texts` gives them."""
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
