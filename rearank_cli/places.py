"""Where things are kept on this machine."""

import os
from pathlib import Path

NO_HOME = Path("/nonexistent")
"""The home of a user who has none; nothing can be written there."""


def home() -> Path:
    """Return the user's home folder; it need not be there."""
    try:
        return Path.home()
    except RuntimeError:  # a container's user whom the system does not know
        return NO_HOME


def writable(folder: Path) -> bool:
    """Return whether a folder may be written, or made if it is not there."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    return nearest.is_dir() and os.access(nearest, os.W_OK)


def cache_folder() -> Path:
    """Return the user's cache folder of `rearank`, after the XDG base directory rules; it may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache") / "rearank"
