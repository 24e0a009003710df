"""Where an output may go, and what is said if it cannot go there."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rearank_cli.errors import OutputError

STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""The names of stdout, which is written as it is, whatever file stands behind it."""


@contextmanager
def named(name: str) -> Iterator[None]:
    """Turn what the system says of a file into OutputError; a reader who has gone stays BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{name}: cannot be written ({error.strerror}); nothing was left there") from error


def check_output(path: str, *, appended: bool = False) -> None:
    """Refuse, before any work is done for it, an output that could not be written, or, if `appended`, added to.

    Raises:
        OutputError: the name is that of a folder, its folder is missing or may not be written, or the like.
    """
    if not is_kept(path):
        return
    with named(path):
        if os.path.isdir(path) or path.endswith(os.sep):  # noqa: PTH112 - a Path has no last slash
            raise OutputError(f"{path}: expected the name of a file to write, found that of a folder")
        target = Path(os.path.realpath(path))
        if not stat.S_ISDIR(target.parent.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with suppress(FileNotFoundError):
            target.stat()  # which says if the name is too long
        if not os.access(target if appended and target.exists() else target.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def is_kept(path: str) -> bool:
    """Return whether what is written there stays under that name: not on stdout, a device or a pipe."""
    if path in STDOUT:
        return False
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - see above
    except OSError:  # it is not there yet, or opening it will say why not
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
