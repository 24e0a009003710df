"""Two columns a line, id and text: topics, and collections without titles."""

import re
from collections.abc import Iterator

from rearank_cli.console import note
from rearank_cli.errors import DataError
from rearank_cli.formats.jsonl import checked_id
from rearank_cli.formats.streams import Source

_OF = r"(?:doc|document|passage|paragraph|query|question|topic|corpus)"
_ID = re.compile(rf"[#_]?(?:{_OF}[ _-]?)?(?:id|no|num|number)|pid|qid", re.IGNORECASE)
_WORDS = re.compile(
    rf"(?:{_OF}[ _-]?)?(?:text|title|contents?|body|segment|url|name|description)|{_OF}", re.IGNORECASE
)


def _is_header(key: str, text: str) -> bool:
    r"""Return whether a first line names its columns.

    >>> _is_header("id", "text\ttitle"), _is_header("query_id", "query"), _is_header("1", "title text")
    (True, True, False)
    """
    return bool(_ID.fullmatch(key)) and all(_WORDS.fullmatch(cell.strip()) for cell in text.split("\t"))


def read_pairs(source: Source, expected: str, *, numbered: bool = False) -> Iterator[tuple[str, str, str]]:
    """Yield (place for messages, id, text) of each line; further tabs belong to the text.

    A first line that names the columns is left out, and that is said on stderr. A text may be empty.

    `expected` says in messages what a line is, e.g. "qid<TAB>text". With `numbered`, a line without a tab is
    a text, and its number is the id.

    Raises:
        DataError: a line has no tab, or an id has white space; the message names the line.
    """
    for number, line in source.lines(columns=True):
        place = f"{source.name}:{number}"
        key, tab, text = line.partition("\t")
        if number == 1 and tab and _is_header(key.strip(), text):
            note(f"{place}: left out the header line {line[:40]!r}")
            continue
        if not tab and numbered:
            key, text = str(number), line
        elif not tab:
            raise DataError(f"{place}: expected {expected}, found no tab in {line.strip()[:40]!r}")
        yield place, checked_id(place, expected.partition("<")[0], key.strip()), text.strip()
