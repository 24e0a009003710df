"""BM25 as Lucene computes it, over a local collection, without Java.

A document's score is the sum over the query's terms, repetitions counted, of

    idf(t) * tf / (tf + k1 * (1 - b + b * length / mean length)),  idf(t) = ln(1 + (N - df + 0.5) / (df + 0.5)),

where N and the mean are over the documents that have a term. bm25s holds and adds up the scores.
"""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rearank_cli.retrieval.analyser import analyse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rearank_cli.retrieval.postings import LuceneBM25

K1 = 0.9
B = 0.4
PLACES = "places.npy"


@dataclass(frozen=True, slots=True)
class Index:
    """An inverted index; its documents are known by their row, the place in the collection from 0.

    `places[row]` is the row's place in the order of docids, by which equal scores are ranked.
    """

    scores: "LuceneBM25"
    places: "NDArray[np.int32]"


def build(documents: Iterable[tuple[str, str]], *, k1: float = K1, b: float = B) -> Index:
    """Index (docid, text) pairs, read once.

    `k1` (0 or more) says how soon a term's repetitions stop counting, `b` (0 to 1) how much a document's
    length does.
    """
    import numpy as np

    from rearank_cli.retrieval.postings import Corpus, Lengths, LuceneBM25

    docids: list[str] = []
    vocabulary: dict[str, int] = {}
    terms, lengths = array("i"), array("i")
    for docid, text in documents:
        found = analyse(text)
        docids.append(docid)
        terms.extend([vocabulary.setdefault(term, len(vocabulary)) for term in found])
        lengths.append(len(found))
    corpus = Corpus(Lengths(np.asarray(terms, np.int32), np.asarray(lengths, np.int32)), vocabulary)
    scores = LuceneBM25(k1=k1, b=b, method="lucene", backend="numpy")
    scores.index(corpus, create_empty_token=False, show_progress=False)
    places = np.empty(len(docids), dtype=np.int32)
    places[sorted(range(len(docids)), key=docids.__getitem__)] = np.arange(len(docids), dtype=np.int32)
    return Index(scores, places)


def search(index: Index, query: str, hits: int) -> list[tuple[int, float]]:
    """Return up to `hits` (row, score), best first, equal scores by docid; only scores above zero.

    A query without a term that the collection has finds nothing.
    """
    import numpy as np

    vocabulary = index.scores.vocab_dict
    repeated = Counter(vocabulary[term] for term in analyse(query) if term in vocabulary)
    scores: NDArray[np.float32] = np.zeros(len(index.places), dtype=np.float32)
    for times in sorted(set(repeated.values())):  # a long query says a few words many times
        terms = [term for term, count in repeated.items() if count == times]
        scores += times * index.scores.get_scores_from_ids(terms)
    found = np.flatnonzero(scores > 0)
    if len(found) > hits:
        least = np.partition(scores[found], -hits)[-hits]
        found = found[scores[found] >= least]
    best = found[np.lexsort((index.places[found], -scores[found]))][:hits]
    return [(int(row), float(scores[row])) for row in best]


def save(index: Index, folder: Path) -> None:
    """Write the index into a folder, in bm25s' files and one more. Raises OSError."""
    import numpy as np

    index.scores.save(folder, show_progress=False)
    np.save(folder / PLACES, index.places)


def load(folder: Path) -> Index:
    """Open an index that `save` wrote, its arrays mapped into memory.

    Raises:
        Exception: a file is not there or not as it was written; see `kept.readable`.
    """
    import numpy as np

    from rearank_cli.retrieval.postings import LuceneBM25

    scores = LuceneBM25.load(folder, mmap=True, show_progress=False, backend="numpy")
    places = np.load(folder / PLACES, mmap_mode="r")
    kept = scores.scores
    sound = (
        places.ndim == 1
        and kept["num_docs"] == len(places)
        and len(kept["data"]) == len(kept["indices"]) == kept["indptr"][-1]
        and len(kept["indptr"]) > max(scores.vocab_dict.values(), default=-1) + 1
    )
    if not sound:
        raise ValueError("its arrays do not belong together")
    return Index(scores, places)
