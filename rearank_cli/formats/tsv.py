"""Two columns a line, id and text: topics, and collections without titles."""

from collections.abc import Iterator

from rearank_cli.errors import DataError
from rearank_cli.formats.jsonl import checked_id
from rearank_cli.formats.streams import Source


def read_pairs(source: Source, expected: str, *, numbered: bool = False) -> Iterator[tuple[str, str, str]]:
    """Yield (place for messages, id, text) of each line; further tabs belong to the text.

    `expected` says in messages what a line is, e.g. "qid<TAB>text". With `numbered`, a line without a tab is
    a text, and its number is the id.

    Raises:
        DataError: a line has no tab, or an id has white space; the message names the line.
    """
    for number, line in source.lines():
        place = f"{source.name}:{number}"
        key, tab, text = line.partition("\t")
        if not tab and numbered:
            key, text = str(number), line
        elif not tab:
            raise DataError(f"{place}: expected {expected}, found no tab in {line[:40]!r}")
        yield place, checked_id(place, expected.partition("<")[0], key), text.strip()
