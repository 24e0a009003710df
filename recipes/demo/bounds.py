"""Write the bounds of a reranking: the same candidates at random, and in the best order there is.

python recipes/demo/bounds.py CANDIDATES QRELS RANDOM BEST
"""

import random
import sys
from collections.abc import Callable
from dataclasses import replace

from rearank_cli.formats.jsonl import read_candidates, write_candidates
from rearank_cli.formats.streams import open_sink, open_source
from rearank_cli.formats.trec import read_qrels
from rearank_cli.records import Candidates, Hit


def ordered(candidates: Candidates, key: Callable[[Hit], float]) -> Candidates:
    """Return the candidates by falling key, equal ones as they stand, with scores that say so."""
    hits = sorted(candidates.hits, key=lambda hit: -key(hit))
    return replace(
        candidates, hits=tuple(replace(hit, score=float(-rank)) for rank, hit in enumerate(hits, 1))
    )


def main(given: str, qrels: str, shuffled: str, best: str) -> None:
    """Write both files."""
    rng = random.Random(0)
    with open_source(qrels) as source:
        judged = read_qrels(source)
    with open_source(given) as source, open_sink(shuffled) as chance, open_sink(best) as ideal:
        for candidates in read_candidates(source):
            grades = judged.get(candidates.query.qid, {})
            write_candidates(chance, ordered(candidates, lambda _: rng.random()))
            write_candidates(ideal, ordered(candidates, lambda hit, of=grades: of.get(hit.docid, 0)))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: bounds.py CANDIDATES QRELS RANDOM BEST")
    main(*sys.argv[1:])
