"""The Typer app, and the one place where an error becomes a sentence and an exit status."""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rearank_cli import __version__
from rearank_cli.commands.augment import augment
from rearank_cli.commands.evaluate import evaluate
from rearank_cli.commands.rerank import rerank
from rearank_cli.commands.retrieve import retrieve
from rearank_cli.commands.train import train
from rearank_cli.console import complain
from rearank_cli.errors import ExitStatus, RearankError


class Boundary(TyperGroup):
    """Turn our errors into one line on stderr and their exit status; bugs keep their traceback."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own signature
        """Run the command, flush stdout, and translate what was raised."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except RearankError as error:
            complain(str(error))
            raise typer.Exit(error.status) from error
        except BrokenPipeError as error:
            # Nobody reads stdout any more (`| head`): not worth a word. What is still buffered has no
            # reader either, and must not be flushed when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitStatus.READER_GONE) from error
        except KeyboardInterrupt as error:
            complain("interrupted")
            raise typer.Exit(ExitStatus.INTERRUPTED) from error
        return result


app = typer.Typer(
    name="rearank",
    cls=Boundary,
    help="Listwise reasoning reranking: each command reads and writes TREC runs or JSON lines.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rearank {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that stand before the command."""


app.command()(retrieve)
app.command()(augment)
app.command()(train)
app.command()(rerank)
app.command()(evaluate)


def main() -> None:
    """Run `rearank`."""
    app(prog_name="rearank")
