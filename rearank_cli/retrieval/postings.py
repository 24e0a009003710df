"""Lucene's BM25 inside bm25s. Imports numpy and bm25s: import this module where they are needed.

bm25s takes a document's length as it is. Lucene keeps it in one byte, rounded down, which makes some
neighbours of a ranking change places; so the one step of bm25s that sees lengths is written again here.
"""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# bm25s imports these where they are installed, for other ways than the one used here: half a second a start.
UNUSED = [name for name in ("numba", "scipy", "jax") if name not in sys.modules]
sys.modules.update(dict.fromkeys(UNUSED))  # type: ignore[arg-type]  # None: as if it were not installed
try:
    import bm25s
finally:
    for name in UNUSED:
        del sys.modules[name]

EXACT_LENGTHS = 24  # below this the byte holds a length as it is; above, the four highest bits of the rest


@dataclass(frozen=True, slots=True)
class Lengths:
    """The terms of all documents, one after the other, and how many each document has."""

    terms: NDArray[np.int32]
    lengths: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Corpus:
    """What bm25s indexes: `ids` are handed to `build_index_from_ids` unseen."""

    ids: Lengths
    vocab: dict[str, int]


class LuceneBM25(bm25s.BM25):  # type: ignore[misc]  # bm25s has no types
    """bm25s with lengths rounded as Lucene rounds them."""

    def build_index_from_ids(
        self,
        unique_token_ids: list[int],
        corpus_token_ids: Lengths,
        show_progress: bool = True,
        leave_progress: bool = False,
    ) -> dict[str, NDArray[np.int32] | NDArray[np.int64] | NDArray[np.float32] | int]:
        """Return what each term adds to each document's score, by term, then by document."""
        self.nonoccurrence_array = None  # for BM25L and BM25+, says bm25s
        lengths = corpus_token_ids.lengths
        total = max(1, len(lengths))
        documents = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        places = corpus_token_ids.terms * np.int64(total) + documents
        places.sort()
        first = np.flatnonzero(np.diff(places, prepend=-1))  # of each pair of a term and a document
        tf = np.diff(first, append=len(places))
        term, row = np.divmod(places[first], total)
        df = np.bincount(term, minlength=len(unique_token_ids))
        filled = max(1, int(np.count_nonzero(lengths)))  # Lucene does not count documents without a term
        idf = np.log1p((filled - df + 0.5) / (df + 0.5))
        mean = max(1.0, lengths.sum() / filled)
        norm = self.k1 * (1 - self.b + self.b * rounded_lengths(lengths) / mean)
        return {
            "data": (idf[term] * (tf / (tf + norm[row]))).astype(np.float32),
            "indices": row.astype(np.int32),
            "indptr": np.concatenate([[0], np.cumsum(df)]),
            "num_docs": len(lengths),
        }


def rounded_lengths(lengths: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return lengths (in terms) as Lucene remembers them.

    >>> rounded_lengths(np.array([0, 23, 39, 40, 41, 42, 57, 1000], dtype=np.int32)).tolist()
    [0, 23, 39, 40, 40, 42, 56, 984]
    """
    rest = np.maximum(lengths - EXACT_LENGTHS, 0)
    _, bits = np.frexp(rest)  # how many bits each takes
    shift = np.maximum(bits - 4, 0)
    kept: NDArray[np.int32] = np.minimum(lengths, EXACT_LENGTHS) + (rest >> shift << shift)
    return kept
