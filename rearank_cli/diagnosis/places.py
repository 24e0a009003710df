"""Where things are kept on this machine, and how much."""

import os
from collections.abc import Iterator
from pathlib import Path

from rearank_cli.datasets import catalogue, listing
from rearank_cli.diagnosis.findings import Finding, State
from rearank_cli.formats.provenance import clean_argument
from rearank_cli.places import cache_folder, home, writable


def caches() -> Iterator[Finding]:
    """Yield each cache: its size, its place, and the variable that moves it."""
    own = cache_folder()
    yield _cache("indexes", own / "indexes", "XDG_CACHE_HOME")
    yield _cache("prompts", own / "prompts", "XDG_CACHE_HOME")
    yield _cache("ir_datasets", catalogue.home(), "IR_DATASETS_HOME")
    yield _cache("lucene indexes", listing.indexes(), "PYSERINI_CACHE")
    yield _cache("models", _hub(), "HF_HOME")


def _hub() -> Path:
    """Return where the Hugging Face hub's models are kept, by the hub's own rules."""
    own = os.environ.get("HF_HUB_CACHE")
    folder = Path(os.environ.get("HF_HOME") or home() / ".cache" / "huggingface")
    return Path(own) if own else folder / "hub"


def _cache(name: str, place: Path, variable: str) -> Finding:
    part, shown = f"cache {name}", clean_argument(str(place))
    if not writable(place):
        return Finding(part, State.BROKEN, f"{shown} cannot be written; name another place with {variable}")
    if not place.exists():
        return Finding(part, State.ABSENT, f"{shown} ({variable})")
    return Finding(part, State.WORKS, f"{size(place) / 1e6:.1f} MB in {shown} ({variable})")


def size(folder: Path) -> int:
    """Return the bytes of the files below a folder; links count as links."""
    return sum(Path(parent, name).lstat().st_size for parent, _, names in os.walk(folder) for name in names)
