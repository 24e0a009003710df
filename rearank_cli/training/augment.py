"""Many training lists from one ranking: draws of its candidates, kept where they can teach something.

paper: section 3.4 (initial state expansion) and 4.1: 50 sets of 20 of the top 100, sets without a relevant
passage or with nDCG@10 under 0.1 dropped. Section 4.1 takes the nDCG of the set's order, section 4.4 that
of its best order; the released data are named after the latter, which is the default here.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rearank_cli.formats.lists import GradedList
from rearank_cli.records import Candidates
from rearank_cli.training.rewards import Stakes, stakes


class Filter(StrEnum):
    """Whose nDCG@10 decides whether a set is dropped: that of its order, or of its best order."""

    IDEAL = "ideal"
    INITIAL = "initial"


class Dropped(StrEnum):
    """Why a set is no training list."""

    REPEATED = "repeated"
    NO_RELEVANT = "no relevant passage"
    BELOW = "below --min-ndcg"
    IDEAL = "already ideal"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How sets are drawn: `size` of the top `depth`, `sets` times a query; `min_ndcg` is nDCG@10, 0 to 1."""

    size: int = 20
    sets: int = 50
    depth: int = 100
    filter: Filter = Filter.IDEAL
    min_ndcg: float = 0.1
    shuffle: bool = True
    seed: int = 0


@dataclass(slots=True)
class Tally:
    """What was drawn and what became of it; counts of queries, of sets, and of the kept passages' grades."""

    queries: int = 0
    unjudged: int = 0
    short: int = 0
    excluded: int = 0
    drawn: int = 0
    kept: int = 0
    dropped: Counter[Dropped] = field(default_factory=Counter)
    grades: Counter[int] = field(default_factory=Counter)

    def line(self) -> str:
        """Return the counts as one line for people."""
        queries = f"queries {self.queries} ({self.unjudged} without judgements, {self.short} short"
        queries += f", {self.excluded} excluded)" if self.excluded else ")"
        lost = ", ".join(f"{self.dropped[reason]} {reason}" for reason in Dropped)
        grades = ", ".join(f"{grade}: {self.grades[grade]}" for grade in sorted(self.grades))
        return f"{queries}; drawn {self.drawn}; dropped {lost}; kept {self.kept}; grades {grades or 'none'}"


def drawn_sets(candidates: Candidates, recipe: Recipe) -> Iterator[Candidates]:
    """Yield the sets of one query: always the same ones for a seed and a qid, whatever else there is.

    A query with fewer candidates than `size` gives one set of all of them.

    >>> from rearank_cli.records import Hit, Query
    >>> three = Candidates(Query("q", "?"), tuple(Hit(docid, 1.0, "") for docid in "abc"))
    >>> len(list(drawn_sets(three, Recipe(size=2, sets=4)))), len(list(drawn_sets(three, Recipe(size=9))))
    (4, 1)
    """
    rng = random.Random(f"{recipe.seed}:{candidates.query.qid}")
    hits = candidates.hits[: recipe.depth]
    size = min(recipe.size, len(hits))
    for _ in range(recipe.sets if len(hits) >= recipe.size else 1):
        places = rng.sample(range(len(hits)), size)
        if not recipe.shuffle:
            places.sort()
        yield replace(candidates, hits=tuple(hits[place] for place in places))


def why_dropped(worth: Stakes, recipe: Recipe) -> Dropped | None:
    """Return why a set is no training list, or None where it is one.

    >>> why_dropped(Stakes((0, 1), initial=0.05, ideal=0.08), Recipe())
    <Dropped.BELOW: 'below --min-ndcg'>
    >>> why_dropped(Stakes((0, 1), initial=0.05, ideal=0.3), Recipe()) is None
    True
    """
    if not any(grade > 0 for grade in worth.grades):
        return Dropped.NO_RELEVANT
    if (worth.ideal if recipe.filter is Filter.IDEAL else worth.initial) < recipe.min_ndcg:
        return Dropped.BELOW
    return None if worth.has_signal else Dropped.IDEAL


def augmented(
    candidates: Candidates, grades: Mapping[str, int], recipe: Recipe, tally: Tally
) -> Iterator[GradedList]:
    """Yield the training lists of one query and count them; `grades` are all its judgements, by docid.

    An unjudged passage has grade 0, as everywhere in TREC.
    """
    tally.queries += 1
    if not grades:
        tally.unjudged += 1
        return
    tally.short += len(candidates.hits[: recipe.depth]) < recipe.size
    seen: set[tuple[str, ...]] = set()
    for draw, chosen in enumerate(drawn_sets(candidates, recipe), 1):
        worth = stakes([grades.get(hit.docid, 0) for hit in chosen.hits], list(grades.values()))
        docids = tuple(hit.docid for hit in chosen.hits)
        reason = Dropped.REPEATED if docids in seen else why_dropped(worth, recipe)
        seen.add(docids)
        tally.drawn += 1
        if reason is not None:
            tally.dropped[reason] += 1
            continue
        tally.kept += 1
        tally.grades.update(worth.grades)
        yield GradedList(chosen, worth.grades, worth.initial, worth.ideal, draw)
