"""Folders that are made once and then only read: whole or not there, and marked with what they were made from."""

import fcntl
import glob
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tokenize import TokenError
from typing import TypeAlias

import orjson

from rearank_cli.console import note
from rearank_cli.errors import DataError, OutputError, UsageError
from rearank_cli.places import cache_folder

MANIFEST = "index.json"

_DAMAGE = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RecursionError, TokenError)
"""What readers raise that meet other bytes than were written; the last of them is numpy's, of an array's header."""

Made: TypeAlias = Mapping[str, str | float]
"""What an index was made from and how: the same values, the same index."""


def place_of(made: Made, folder: str) -> Path | None:
    """Return where an index is kept: the folder that was named, or one of the user's cache.

    None where it cannot be kept: its documents can be read only once (`content` is ""), or the cache cannot
    be written or can be written by others, which is said on stderr.
    """
    if folder:
        return Path(folder)
    root = cache_folder()
    indexes = root / "indexes"
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        for each in (root, indexes):
            each.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        note(f"{indexes}: cannot be written ({error.strerror}); the index is not kept")
        return None
    key = hashlib.sha256(orjson.dumps(made, option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]
    place = indexes / key
    foreign = _foreign([root, indexes, *_all_of(place)])
    if foreign:
        note(
            f"{foreign}: others may write there, so that the indexes of this cache are not used; make it yours alone "
            f"(chmod -R go-w {root}, or remove it), or keep an index with --index FOLDER"
        )
        return None
    return place if made["content"] else None


def _all_of(place: Path) -> list[Path]:
    return [place, *place.rglob("*")] if place.exists() else []


def _foreign(places: Iterable[Path]) -> Path | None:
    """Return the first of some files and folders that others than their user and root may write, if there is one."""
    for place in places:
        found = place.stat()
        if found.st_uid not in (os.geteuid(), 0) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return place
    return None


def is_kept(place: Path) -> bool:
    """Return whether an index is there."""
    return (place / MANIFEST).is_file()


def check(place: Path, made: Made) -> None:
    """Refuse an index that was made from other documents or in another way.

    Raises:
        UsageError: it was, or nobody can tell, since the documents come through a pipe.
        DataError: the index is damaged.
    """
    if not made["content"]:
        raise UsageError(
            f"{place}: an index is there, and documents from a pipe cannot be compared with it; "
            "search it with --index alone, or remove it"
        )
    with readable(place):
        found = dict(orjson.loads((place / MANIFEST).read_bytes()))
    differ = sorted(name for name in {*made, *found} if found.get(name) != made.get(name))
    if differ:
        raise UsageError(
            f"{place}: this index was made with another {', '.join(differ)}; remove it, or name another"
        )


@contextmanager
def readable(place: Path) -> Iterator[None]:
    """Turn what damaged files raise into DataError."""
    try:
        yield
    except _DAMAGE as error:
        raise DataError(f"{place}: the index is damaged ({error}); remove the folder") from error


def make(place: Path, made: Made, build: Callable[[Path], None]) -> None:
    """Let `build` fill a folder beside the place, then rename it, so that nobody opens half an index.

    What a process that was killed while it built the same index has left there is removed.

    Raises:
        OutputError: the place cannot be written.
    """
    with _writable(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(place)
        beside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        held = os.open(beside, os.O_RDONLY | os.O_DIRECTORY)
    _lock(held)  # before anything is in it
    try:
        with _writable(place):
            build(beside)
            (beside / MANIFEST).write_bytes(orjson.dumps(made))
            beside.chmod(0o755)
            for each in beside.rglob("*"):
                each.chmod(each.stat().st_mode & ~(stat.S_IWGRP | stat.S_IWOTH))
            with suppress(FileNotFoundError):
                place.rmdir()  # an empty folder may be named
            beside.rename(place)
    except OutputError:
        if not is_kept(place):  # else another process was faster, and its index is as good
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        os.close(held)


def _remove_abandoned(place: Path) -> None:
    """Remove what processes left that were killed at work: folders that are not empty and that nobody holds."""
    for folder in place.parent.glob(f".{glob.escape(place.name)}.*"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        if any(folder.iterdir()) and _lock(handle):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _lock(folder: int) -> bool:
    """Hold an open folder till it is closed; False if another process does, or if the file system has no locks."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _writable(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{place}: the index cannot be written ({error.strerror})") from error
