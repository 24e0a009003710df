"""Everything said to a person goes through here, on stderr; stdout is only data."""

import sys


def note(message: str) -> None:
    """Write one line to stderr, prefixed with the program's name."""
    sys.stderr.write(f"rearank: {message}\n")
    sys.stderr.flush()
