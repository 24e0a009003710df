"""`python -m rearank_cli` is `rearank`."""

from rearank_cli.cli import main

main()
