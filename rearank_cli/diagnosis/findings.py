"""What was looked at, and how it is."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a part of the installation is."""

    WORKS = "works"
    ABSENT = "absent"
    """Not installed, or nothing there yet: wrong only where it is needed."""
    BROKEN = "broken"
    """There, and cannot be used."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the installation; `text` says what was found and, where that helps, what to do."""

    part: str
    state: State
    text: str
