"""`rearank doctor`: what of this machine can be used, and what to do about the rest."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import orjson
import typer

from rearank_cli.commands.options import ApiKeyEnv
from rearank_cli.console import progress
from rearank_cli.diagnosis.checks import examine, generates
from rearank_cli.diagnosis.findings import Finding
from rearank_cli.engines.opening import api_key
from rearank_cli.errors import Unavailable
from rearank_cli.evaluation import layouts
from rearank_cli.formats.streams import open_sink


class Format(StrEnum):
    """What is written."""

    TABLE = "table"
    JSON = "json"


def doctor(
    *,
    base_url: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Ask this server for its models; may be repeated.")
    ] = None,
    api_key_env: ApiKeyEnv = None,
    format: Annotated[Format, typer.Option(help="A table, or JSON lines.")] = Format.TABLE,  # noqa: A002
) -> None:
    """Say what works here and what does not, with the cure.

    That is: versions, engines, GPU, Java, servers, and the places of caches. The status is 0 where an engine that
    generates works (a server counts where --base-url names it), else 69.

    \b
    Example: rearank doctor
    """
    with progress() as show:
        show("trying torch, vLLM and Java")
        findings = list(examine(base_url or [], api_key(api_key_env)))
    with open_sink("-") as sink:
        sink.write(_as_json(findings) if format is Format.JSON else _as_table(findings))
    if not generates(findings):
        raise Unavailable(
            "no engine that generates works here: pip install 'rearank[local]', or name a server with --base-url"
        )


def _as_json(findings: Sequence[Finding]) -> bytes:
    return b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in findings)


def _as_table(findings: Sequence[Finding]) -> bytes:
    rows = [("part", "state", "what was found"), *((each.part, each.state, each.text) for each in findings)]
    return layouts.aligned(rows, texts=3).encode()
