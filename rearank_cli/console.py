"""Everything said to a person or to cron's log goes through here, on stderr; stdout is only data."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol
from unicodedata import category

from rearank_cli.redaction import without_secrets

LOG_SECONDS = 60.0
_SHOWN = 2000  # characters at each end of a message; what is longer holds a file's or a server's words
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of what is not shown: controls, formats (also those that turn the direction), and more."""


class LogFormat(StrEnum):
    """How lines on stderr look."""

    TEXT = "text"
    JSON = "json"


@dataclass(slots=True)
class _Voice:
    quiet: bool = False
    format: LogFormat = LogFormat.TEXT


_voice = _Voice()


def configure(*, quiet: bool = False, log_format: LogFormat = LogFormat.TEXT) -> None:
    """Set, once a process, whether notes are written and in which format; complaints always are."""
    _voice.quiet, _voice.format = quiet, log_format


def note(message: str) -> None:
    """Write one line to stderr, unless the user wants quiet."""
    if not _voice.quiet:
        _say("info", message)


def complain(message: str) -> None:
    """Write one line to stderr, whatever the user wants: what ends the program."""
    _say("error", message)


def visible(text: str, keep: str = "") -> str:
    r"""Return a text with what a terminal would obey or not show as Python writes it, but for the signs to keep.

    >>> visible("a\x1b[2J\u202eb\n", keep="\n")
    'a\\x1b[2J\\u202eb\n'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign in keep or category(sign) not in _UNSEEN else _escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


def _cut(message: str) -> str:
    return message if len(message) <= 2 * _SHOWN else f"{message[:_SHOWN]} ... {message[-_SHOWN:]}"


def _say(level: str, message: str) -> None:
    message = _cut(without_secrets(message))
    line = f"rearank: {visible(message)}"
    if _voice.format is LogFormat.JSON:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        row = {"time": now, "level": level, "message": message}
        line = json.dumps(row, ensure_ascii=not message.isprintable())
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except OSError:  # a log on a full disk ends no work, nor hides its exit status
        _drop_unwritten()


def _drop_unwritten() -> None:
    """Empty the buffer of stderr, which would fail once more, and with status 120, when the program ends."""
    stderr, kept, nowhere = sys.stderr.fileno(), os.dup(sys.stderr.fileno()), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stderr)
    sys.stderr.flush()
    os.dup2(kept, stderr)
    os.close(kept)
    os.close(nowhere)


class Showing(Protocol):
    """Something that is told how far the work is."""

    def __call__(self, text: str) -> None:
        """Show a line of progress, or leave it out where it is too soon for another one."""


@contextmanager
def progress() -> Iterator[Showing]:
    """Show progress: a live line on a terminal, else a note a minute."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    if _voice.quiet or _voice.format is LogFormat.JSON or not terminal:
        yield _every(LOG_SECONDS)
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(Text(visible(without_secrets(text))))


def _every(seconds: float) -> Showing:
    last = time.monotonic()

    def show(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            note(text)

    return show
