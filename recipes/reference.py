"""The command reference, from the live help:

python recipes/reference.py > recipes/reference.md
"""

import os
import subprocess
import sys

from rearank_cli.cli import COMMANDS

OPENING = """# Every command, every option

What `rearank COMMAND --help` prints; made by `python recipes/reference.py > recipes/reference.md`.
"""


def help_of(*command: str) -> str:
    """Return what a command's --help prints, 80 columns wide."""
    program = [sys.executable, "-m", "rearank_cli", *command, "--help"]
    environment = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(program, env=environment, capture_output=True, text=True, check=True).stdout


def reference() -> str:
    """Return the reference as Markdown: the program, then each command in the order of the program's help."""
    parts = [OPENING]
    for command in ((), *((name,) for name in COMMANDS)):
        page = "\n".join(line.rstrip() for line in help_of(*command).strip().splitlines())
        parts.append(f"## {' '.join(('rearank', *command))}\n\n```text\n{page}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(reference())
