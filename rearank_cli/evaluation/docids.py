"""Many short strings in one block of bytes: compared and ordered by the million, without an object for each."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Words: TypeAlias = NDArray[np.uint64]
Truths: TypeAlias = NDArray[np.bool_]

WORD = 8  # bytes that are looked at in one step
SPARE = bytes(WORD)
ALL = slice(None)
_MASKS = np.array([(1 << 64) - (1 << 8 * (WORD - kept)) for kept in range(WORD + 1)], np.uint64)
_ODD, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


@dataclass(frozen=True)
class Docids:
    """Strings in UTF-8: each is `lengths` bytes of `data` from `starts` on (both of shape [strings]).

    `data` ends with `SPARE`, so that a word can be read anywhere.
    """

    data: bytes | bytearray
    starts: Ints
    lengths: Ints

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Docids":
        """Put strings one after the other."""
        encoded = [text.encode() for text in texts]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        return cls(b"".join([*encoded, SPARE]), np.cumsum(lengths) - lengths, lengths)

    def at(self, places: Ints | slice) -> "Docids":
        """Return the strings at these places, in this order."""
        return Docids(self.data, self.starts[places], self.lengths[places])

    def packed(self) -> bytes:
        """Return the bytes of the strings, one string after the other.

        >>> Docids.of(["ab", "c", "def"]).at(np.array([2, 0])).packed()
        b'defab'
        """
        ends = np.cumsum(self.lengths)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(
            self.starts - ends + self.lengths, self.lengths
        )
        chars: NDArray[np.uint8] = np.frombuffer(self.data, np.uint8)[places]
        return chars.tobytes()

    def texts(self, start: int = 0, end: int | None = None) -> list[str]:
        """Return the strings, or those from place `start` up to, without, place `end`."""
        firsts, lengths = self.starts[start:end].tolist(), self.lengths[start:end].tolist()
        pairs = zip(firsts, lengths, strict=True)
        return [self.data[first : first + length].decode() for first, length in pairs]

    def word(self, number: int, places: Ints | slice = ALL) -> Words:
        """Return bytes 8 x `number` to 8 x `number` + 7 of the strings there, zero beyond their ends.

        As numbers they are ordered as the bytes are.
        """
        at = WORD * number
        kept = np.clip(self.lengths[places] - at, 0, WORD)
        last = len(self.data) - WORD
        sliding: Words = np.ndarray((last + 1,), ">u8", self.data, strides=(1,))
        words: Words = sliding[np.minimum(self.starts[places] + at, last)].astype(np.uint64) & _MASKS[kept]
        return words

    @property
    def words(self) -> range:
        """The numbers of the words of the longest string."""
        return range(-(-int(self.lengths.max(initial=0)) // WORD))

    def keys(self, seeds: Ints) -> Words:
        """Return hashes of 64 bits; equal strings have equal ones where their seeds are equal.

        >>> first, again, other = Docids.of(["a", "a", "a"]).keys(np.array([7, 7, 8])).tolist()
        >>> first == again, first == other
        (True, False)
        """
        keys = seeds.astype(np.uint64) * _ODD
        for number in self.words:
            longer = np.flatnonzero(self.lengths > WORD * number) if number else ALL
            mixed = (keys[longer] ^ self.word(number, longer)) * _ODD
            keys[longer] = mixed ^ (mixed >> _HALF)
        return keys

    def equal(self, other: "Docids") -> Truths:
        """Return whether each string is the other's at its place."""
        same: Truths = self.lengths == other.lengths
        for number in self.words:
            same &= self.word(number) == other.word(number)
        return same

    def new(self) -> Truths:
        """Return whether each string differs from the one before it; the first one does.

        >>> Docids.of(["a", "a", "b"]).new().tolist()
        [True, False, True]
        """
        new = np.append(True, self.lengths[1:] != self.lengths[:-1])
        for number in self.words:
            word = self.word(number)
            new[1:] |= word[1:] != word[:-1]
        return new

    def falling(self, groups: Ints) -> Ints:
        """Return the places in the order of their groups (rising) and, within one, of their bytes (falling).

        >>> Docids.of(["a", "b", "ab", "z"]).falling(np.array([1, 1, 1, 0])).tolist()
        [3, 1, 2, 0]
        """
        places: Ints = np.lexsort((*(~self.word(number) for number in reversed(self.words)), groups))
        return places
