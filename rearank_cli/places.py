"""Where things are kept on this machine."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's cache folder of `rearank`, after the XDG base directory rules; it may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rearank"
