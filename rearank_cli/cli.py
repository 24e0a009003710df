"""The Typer app, and the one place where an error becomes a sentence and an exit status."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from rearank_cli import __version__
from rearank_cli.commands.groups import GroupedCommand
from rearank_cli.console import complain, visible
from rearank_cli.errors import ExitStatus, RearankError
from rearank_cli.redaction import without_secrets

# That of the click that Typer has in it, or of the one beside it: Typer names its children only.
_UsageError = cast("type[_Worded]", typer.BadParameter.__mro__[1])


class _Worded(Exception):  # noqa: N818 - what click says of an exception
    message: str


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
        except _UsageError as error:  # Typer writes it to stderr, with the words of the command line
            error.message = visible(without_secrets(error.message))
            raise
        except KeyboardInterrupt as error:
            complain("interrupted")
            raise typer.Exit(ExitStatus.INTERRUPTED) from error
        return result


COMMANDS = ("retrieve", "augment", "train", "rerank", "evaluate", "doctor")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rearank {__version__}")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that stand before the command."""


def build(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """Return the app with these commands; each is the function of its name in the module of its name."""
    app = typer.Typer(
        name="rearank",
        cls=Boundary,
        help="Listwise reasoning reranking: each command reads and writes TREC runs or JSON lines.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in names:
        app.command(name, cls=GroupedCommand)(vars(import_module(f"rearank_cli.commands.{name}"))[name])
    return app


def main() -> None:
    """Run `rearank`, importing no other command than the one that is asked for."""
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    build((asked,) if asked in COMMANDS else COMMANDS)(prog_name="rearank")
