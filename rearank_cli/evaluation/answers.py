"""How the answers behind a run were read, as the provenance file beside it says."""

from collections import Counter
from contextlib import suppress
from pathlib import Path

import orjson

from rearank_cli.records import Outcome

LARGEST = 1 << 20
"""Bytes of a provenance file; what is larger is another file of that name."""
CLEAN = 0.5  # share of clean answers below which it is said


def doubt(run: str) -> str:
    """Return a sentence if fewer than half of the answers behind a run were clean; "" if not, or if nothing says so.

    `run` is the file's path, beside which `rearank rerank -o` wrote `<run>.json`.
    """
    counts = _counts(Path(f"{run}.json"))
    total, clean = counts.total(), counts[Outcome.CLEAN]
    if clean >= CLEAN * total:
        return ""
    others = ", ".join(
        f"{count} {outcome}" for outcome, count in counts.items() if outcome is not Outcome.CLEAN
    )
    return f"{run}: by {run}.json only {clean} of {total} answers of the model were clean ({others})"


def _counts(path: Path) -> Counter[Outcome]:
    """Return how many answers had each outcome; nothing for a file that is not there or no provenance."""
    found, row = Counter[Outcome](), None
    with suppress(OSError, ValueError):
        if path.is_file() and path.stat().st_size <= LARGEST:
            row = orjson.loads(path.read_bytes())
    windows = row.get("windows") if isinstance(row, dict) else None
    if isinstance(windows, dict):
        for outcome in Outcome:
            count = windows.get(outcome.value)
            if isinstance(count, int) and count > 0:
                found[outcome] = count
    return found
