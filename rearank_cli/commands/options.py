"""Options that several commands share, each with one name and one meaning."""

from typing import Annotated

import typer

Input = Annotated[
    str, typer.Argument(metavar="[FILE]", help="Input file (.gz too); nothing or - reads stdin.")
]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="FILE", help="Write here, whole or not at all; - is stdout.")
]
