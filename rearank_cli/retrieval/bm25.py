"""BM25 as Lucene computes it, over a local collection, without Java.

A document's score is the sum over the query's terms, repetitions counted, of

    idf(t) * tf / (tf + k1 * (1 - b + b * length / mean length)),  idf(t) = ln(1 + (N - df + 0.5) / (df + 0.5)),

where N and the mean are over the documents that have a term. bm25s holds and adds up the scores.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rearank_cli.retrieval.analyser import analyse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rearank_cli.retrieval.postings import Corpus, LuceneBM25

K1 = 0.9
B = 0.4


@dataclass(frozen=True, slots=True)
class Index:
    """An inverted index; its documents are known by their row, the place in the collection from 0.

    `places[row]` is the row's place in the order of docids, by which equal scores are ranked.
    """

    scores: "LuceneBM25"
    places: "NDArray[np.int32]"


def build(docids: Sequence[str], texts: Iterable[str], *, k1: float = K1, b: float = B) -> Index:
    """Index the texts, one a docid.

    `k1` (0 or more) says how soon a term's repetitions stop counting, `b` (0 to 1) how much a document's
    length does.
    """
    import numpy as np

    from rearank_cli.retrieval.postings import LuceneBM25

    scores = LuceneBM25(k1=k1, b=b, method="lucene", backend="numpy")
    scores.index(_corpus(texts), create_empty_token=False, show_progress=False)
    places = np.empty(len(docids), dtype=np.int32)
    places[sorted(range(len(docids)), key=docids.__getitem__)] = np.arange(len(docids), dtype=np.int32)
    return Index(scores, places)


def _corpus(texts: Iterable[str]) -> "Corpus":
    import numpy as np

    from rearank_cli.retrieval.postings import Corpus, Lengths

    vocabulary: dict[str, int] = {}
    terms, lengths = array("i"), array("i")
    for text in texts:
        found = analyse(text)
        terms.extend([vocabulary.setdefault(term, len(vocabulary)) for term in found])
        lengths.append(len(found))
    return Corpus(Lengths(np.asarray(terms, np.int32), np.asarray(lengths, np.int32)), vocabulary)


def search(index: Index, query: str, hits: int) -> list[tuple[int, float]]:
    """Return up to `hits` (row, score), best first, equal scores by docid; only scores above zero.

    A query without a term that the collection has finds nothing.
    """
    import numpy as np

    vocabulary = index.scores.vocab_dict
    known = [vocabulary[term] for term in analyse(query) if term in vocabulary]
    if not known:
        return []
    scores: NDArray[np.float32] = index.scores.get_scores_from_ids(known)
    found = np.flatnonzero(scores > 0)
    if len(found) > hits:
        least = np.partition(scores[found], -hits)[-hits]
        found = found[scores[found] >= least]
    best = found[np.lexsort((index.places[found], -scores[found]))][:hits]
    return [(int(row), float(scores[row])) for row in best]
