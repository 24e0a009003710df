"""The files that a command reads and writes, compared before anything is asked: none that it writes is another one."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

from rearank_cli.errors import UsageError
from rearank_cli.formats.outputs import descriptor

Named: TypeAlias = tuple[str, str | None]
"""What the command line calls a file (`--trace`), and its path; None or "" if it was not given."""

_Identity: TypeAlias = tuple[int, int, str]
"""Device and inode of a file, or of its folder beside the name that it will have there."""


@dataclass(frozen=True, slots=True)
class _Use:
    role: str
    path: str
    written: bool
    identity: _Identity


def check_overlaps(*, read: Iterable[Named], written: Iterable[Named]) -> None:
    """Refuse a command that would write over one of its own files, whatever names lead there.

    `-` is stdin among what is read and stdout among what is written; where they go is compared, too, and so is
    stderr. Devices, pipes and folders are left out.

    Raises:
        UsageError: two of them are one file, and one of the two is written.
    """
    uses = [*_uses(read, written=False), *_uses(written, written=True), *_stderr()]
    for one, other in combinations(uses, 2):
        streams = {one.path, other.path} == {"stdout", "stderr"}  # a log that someone wants
        if one.identity == other.identity and (one.written or other.written) and not streams:
            option = (other if other.written else one).role.rpartition(" of ")[2]
            raise UsageError(
                f"{one.path}: {one.role} and {other.role} are one file, and what it holds would be lost; "
                f"choose another {option}"
            )


def _uses(files: Iterable[Named], *, written: bool) -> Iterator[_Use]:
    for role, path in files:
        stream = path is not None and descriptor(path) == 1 if written else path == "-"
        identity = _of_stream(1 if written else 0) if stream else _of_path(path) if path else None
        if path and identity:
            name = ("stdout" if written else "stdin") if stream else path
            yield _Use(name if stream else role, name, written, identity)


def _stderr() -> Iterator[_Use]:
    identity = _of_stream(2)
    if identity:
        yield _Use("stderr", "stderr", True, identity)


def _of_stream(number: int) -> _Identity | None:
    try:
        found = os.fstat(number)
    except OSError:  # it is closed
        return None
    return (found.st_dev, found.st_ino, "") if stat.S_ISREG(found.st_mode) else None


def _of_path(path: str) -> _Identity | None:
    """Return what a path leads to, None for what cannot be overwritten."""
    try:
        found = Path(path).stat()
    except OSError:
        return _of_new(Path(os.path.realpath(path)))
    return (found.st_dev, found.st_ino, "") if stat.S_ISREG(found.st_mode) else None


def _of_new(path: Path) -> _Identity | None:
    try:
        folder = path.parent.stat()
    except OSError:  # nothing can be written there
        return None
    name = path.name.casefold() if _folds_case(path.parent) else path.name
    return folder.st_dev, folder.st_ino, name


def _folds_case(folder: Path) -> bool:
    """Return whether names there that differ in case alone are one, as far as the path of the folder tells."""
    for place in (folder, *folder.parents):
        other = place.with_name(place.name.swapcase()) if place.name.swapcase() != place.name else place
        if other != place:
            return other.exists() and other.samefile(place)
    return False
