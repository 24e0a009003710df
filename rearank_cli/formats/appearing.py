"""Files that appear under their name when they are whole: whatever ends the process before, nothing is left."""

import errno
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_NO_UNNAMED_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)
"""What systems and file systems say that know no unnamed files; a folder that is missing says so again."""
_LONGEST_PREFIX = 100  # characters of a name; a system takes 255 bytes


class Appearing:
    """A file to write that gets its name at the end, and then takes the place of what had it.

    Until then it has no name, where the system knows such files (Linux): a process that is killed leaves
    nothing. Elsewhere it is a hidden file beside the target.
    """

    def __init__(self, target: Path) -> None:
        """Open it. Raises OSError: the folder is missing or may not be written."""
        self._target = target
        handle, self._name = _opened(target)
        self.file: BinaryIO = os.fdopen(handle, "wb")

    def appear(self) -> None:
        """Sync the file and give it the target's name. Raises OSError: the disk is full, or the like."""
        self.file.flush()
        handle = self.file.fileno()
        os.fchmod(handle, 0o666 & ~_umask())
        os.fsync(handle)
        if self._name is None:
            _link(handle, self._target)
        else:
            self._name.replace(self._target)
        self.file.close()

    def drop(self) -> None:
        """Leave nothing of it."""
        if self._name is not None:
            with suppress(OSError):
                self._name.unlink()
        with suppress(OSError):  # what is still buffered may not fit either
            self.file.close()


def _opened(target: Path) -> tuple[int, Path | None]:
    """Return an open file in the target's folder, and its name, None where it has none."""
    if sys.platform == "linux" and Path("/proc/self/fd").is_dir():
        try:
            return os.open(target.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600), None
        except OSError as error:
            if error.errno not in _NO_UNNAMED_FILES:
                raise
    name = _beside(target)
    return os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), name


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name[:_LONGEST_PREFIX]}.{secrets.token_hex(4)}")


def _link(handle: int, target: Path) -> None:
    """Give an unnamed file the target's name. Only a rename replaces a file, and it needs a name to begin with."""
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)  # with it, Python follows the link of /proc
    try:
        unnamed = f"/proc/self/fd/{handle}"
        try:
            os.link(unnamed, target.name, src_dir_fd=folder, dst_dir_fd=folder)
        except FileExistsError:
            beside = _beside(target)
            os.link(unnamed, beside.name, src_dir_fd=folder, dst_dir_fd=folder)
            try:
                beside.replace(target)
            except OSError:
                beside.unlink()
                raise
    finally:
        os.close(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
