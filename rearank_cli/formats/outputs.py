"""Where an output may go, and what is said if it cannot go there."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rearank_cli.errors import OutputError

_OPEN = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})")
_STREAMS = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}


def descriptor(path: str) -> int | None:
    """Return the number of the open file that a name means, `-` being stdout; None if it names none.

    An open file is written as it stands, whatever file it is.

    >>> descriptor("-"), descriptor("/dev/stderr"), descriptor("/dev/fd/3"), descriptor("run.trec")
    (1, 2, 3, None)
    """
    found = _OPEN.fullmatch(path)
    return int(found[1]) if found else _STREAMS.get(path)


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
        if appended:
            raise OutputError(
                f"{path}: expected the name of a file, which the next call can read, "
                "found that of a pipe, a device or an open file"
            )
        return
    with named(path):
        if not path or os.path.isdir(path) or path.endswith(os.sep):  # noqa: PTH112 - a Path has no last slash
            found = "that of a folder" if path else "none"
            raise OutputError(f"{path or '(empty)'}: expected the name of a file to write, found {found}")
        target = Path(os.path.realpath(path))
        if not stat.S_ISDIR(target.parent.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with suppress(FileNotFoundError):
            target.stat()  # which says if the name is too long
        if not os.access(target if appended and target.exists() else target.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def is_kept(path: str) -> bool:
    """Return whether what is written there stays under that name: not on an open file, a device or a pipe."""
    if descriptor(path) is not None:
        return False
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - see above
    except OSError:  # it is not there yet, or opening it will say why not
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
