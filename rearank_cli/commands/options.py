"""Options that several commands share, each with one name and one meaning."""

from typing import Annotated

import typer

from rearank_cli.console import LogFormat

Input = Annotated[str, typer.Argument(metavar="FILE", help="Input file (.gz too); nothing or - reads stdin.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="FILE", help="Write here, whole or not at all; - is stdout.")
]
QrelsFile = Annotated[str, typer.Option("--qrels", metavar="FILE", help="Judgements, TREC's or BEIR's.")]
Judged = Annotated[
    str,
    typer.Option(
        "--dataset", metavar="NAME", help="Take its judgements, instead of those that the tag names."
    ),
]
Prompt = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="rearank, rankgpt, or a .toml file; default: the model's own."),
]
ApiKeyEnv = Annotated[
    str | None, typer.Option(metavar="NAME", help="Environment variable that holds the server's key.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Only errors on stderr.")]
Log = Annotated[LogFormat, typer.Option("--log-format", help="Lines on stderr as text or JSON.")]
