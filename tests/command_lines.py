"""The `rearank` command lines that stand in documents and scripts, and whether the program would take them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import typer
from typer.core import TyperCommand, TyperGroup

from rearank_cli.cli import COMMANDS, build

# UsageError, of click or of what Typer made of it.
_USAGE = cast("type[Exception]", typer.BadParameter.__mro__[1])
_FENCED = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
_INLINE = re.compile(r"`(rearank [^`]+)`")
_PROGRAM = re.compile(r"(?:^|(?<=[\s;&|(]))(?:rearank|\"\$REARANK\") (?=[a-z-])")
_COMMENT = re.compile(r"(?:^|\s)#\s.*")
_SAID = re.compile(r"\b(?:tell|echo) ")
_VARIABLE = re.compile(r"\$\{?\w+(?::-[^}]*)?\}?")


def code(path: Path) -> Iterator[str]:
    """Yield the commands of a Markdown file (fenced, indented, or between backticks) or of a script, joined lines."""
    text = path.read_text(encoding="utf-8")
    parts = [text]
    if path.suffix == ".md":
        fenced = _FENCED.findall(text)
        rest = _FENCED.sub("", text)
        inline = [" ".join(found.split()) for found in _INLINE.findall(_INDENTED.sub("", rest))]
        parts = [*fenced, *_INDENTED.findall(rest), *inline]
    for part in parts:
        for line in part.replace("\\\n", " ").splitlines():
            if not _SAID.search(line):
                yield _COMMENT.sub("", line).strip().removeprefix("$ ")


def invocations(path: Path) -> Iterator[list[str]]:
    """Yield the arguments of each `rearank ...`, up to a pipe, a redirection or a comment; variables stand as 1.

    >>> import tempfile
    >>> script = Path(tempfile.mkdtemp()) / "a.sh"
    >>> _ = script.write_text('rearank retrieve --hits $N | "$REARANK" rerank \\\\\\n --seed "$S" "$@" > a  # why')
    >>> list(invocations(script))
    [['retrieve', '--hits', '1'], ['rerank', '--seed', '1']]
    """
    for line in code(path):
        for found in _PROGRAM.finditer(line):
            words = shlex.shlex(line[found.end() :], posix=True, punctuation_chars=True)
            words.whitespace_split = True
            arguments = []
            for word in words:
                if set(word) <= set("|&;()<>"):
                    break
                if word not in ("$@", "..."):
                    arguments.append(_VARIABLE.sub("1", word))
            yield arguments


def commands() -> dict[str, TyperCommand]:
    """The commands by name, with their parameters."""
    group = typer.main.get_command(build())
    assert isinstance(group, TyperGroup)
    return {name: command for name, command in group.commands.items() if isinstance(command, TyperCommand)}


def refusal(arguments: list[str]) -> str:
    """Return why the program would refuse these arguments, "" where it would take them; nothing is run."""
    if (
        arguments[0] in ("--version", "--help", "--show-completion", "--install-completion")
        or "--help" in arguments
    ):
        return ""
    if arguments[0] not in COMMANDS:
        return f"no command {arguments[0]!r}"
    try:
        commands()[arguments[0]].make_context(arguments[0], arguments[1:])
    except _USAGE as error:
        return str(error)
    return ""
