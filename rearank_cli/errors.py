"""What can go wrong, and the exit status that says so.

RearankError
├── UsageError        2    the command line asks for something impossible
├── DataError         65   an input is malformed, empty, or not worth trusting
├── MissingInput      66   a file, folder, model or judgement is not there
├── Unavailable       69   an engine or an extra is missing, or refuses for good
├── OutputError       74   an output could not be written
└── TryLater          75   the same command may succeed later

Every message is one sentence or two: where, what was expected, what was found, what to do.
"""

from enum import IntEnum
from typing import ClassVar


class ExitStatus(IntEnum):
    """The exit statuses of `rearank`, after BSD's sysexits.h where it has one."""

    DONE = 0
    USAGE = 2
    DATA = 65
    MISSING_INPUT = 66
    UNAVAILABLE = 69
    OUTPUT = 74
    TRY_LATER = 75
    INTERRUPTED = 130
    READER_GONE = 141


class RearankError(Exception):
    """A failure that a user can understand and mend."""

    status: ClassVar[ExitStatus]


class UsageError(RearankError):
    """The command line asks for something impossible."""

    status = ExitStatus.USAGE


class DataError(RearankError):
    """An input is malformed, empty, or not worth trusting."""

    status = ExitStatus.DATA


class MissingInput(RearankError):  # noqa: N818 - the name of the exit status, as in sysexits.h
    """A file, folder, model or judgement is not there."""

    status = ExitStatus.MISSING_INPUT


class Unavailable(RearankError):  # noqa: N818 - the name of the exit status, as in sysexits.h
    """An engine or an extra is missing, or refuses for good."""

    status = ExitStatus.UNAVAILABLE


class OutputError(RearankError):
    """An output could not be written."""

    status = ExitStatus.OUTPUT


class TryLater(RearankError):  # noqa: N818 - the name of the exit status, as in sysexits.h
    """The same command may succeed later."""

    status = ExitStatus.TRY_LATER
