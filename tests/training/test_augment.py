"""Draws: as many as asked, each by the rules, the same for a seed whatever the order of the queries."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.records import Candidates, Hit, Query
from rearank_cli.training.augment import Dropped, Filter, Recipe, Tally, augmented, drawn_sets
from rearank_cli.training.rewards import ndcg


def ranking(n: int, qid: str = "q") -> Candidates:
    return Candidates(
        Query(qid, "?"), tuple(Hit(f"d{rank}", float(n - rank), f"text {rank}") for rank in range(n))
    )


def docids(candidates: Candidates) -> tuple[str, ...]:
    return tuple(hit.docid for hit in candidates.hits)


@settings(deadline=None)
@given(
    st.integers(1, 40),
    st.integers(2, 20),
    st.integers(1, 5),
    st.integers(2, 30),
    st.integers(),
    st.booleans(),
)
def test_sets_are_of_the_size_from_the_top_without_repeats(
    n: int, size: int, sets: int, depth: int, seed: int, shuffle: bool
) -> None:
    recipe = Recipe(size=size, sets=sets, depth=max(depth, size), seed=seed, shuffle=shuffle)
    found = list(drawn_sets(ranking(n), recipe))
    top = docids(ranking(n))[: recipe.depth]
    assert len(found) == (sets if len(top) >= size else 1)
    for chosen in found:
        assert len(set(docids(chosen))) == len(chosen.hits) == min(size, len(top))
        assert set(docids(chosen)) <= set(top)
        if not shuffle:
            assert list(docids(chosen)) == sorted(docids(chosen), key=top.index)


@settings(deadline=None)
@given(st.integers(), st.lists(st.text("abc123", min_size=1), min_size=2, max_size=6, unique=True))
def test_draws_depend_on_seed_and_query_alone(seed: int, qids: list[str]) -> None:
    recipe = Recipe(size=3, sets=4, seed=seed)
    forwards = {qid: [docids(each) for each in drawn_sets(ranking(9, qid), recipe)] for qid in qids}
    backwards = {
        qid: [docids(each) for each in drawn_sets(ranking(9, qid), recipe)] for qid in reversed(qids)
    }
    assert forwards == backwards
    assert len({tuple(draws) for draws in forwards.values()}) > 1 or len(qids) < 3


GRADES = st.dictionaries(st.sampled_from([f"d{rank}" for rank in range(30)]), st.integers(-1, 3), min_size=1)


@settings(deadline=None)
@given(GRADES, st.sampled_from(Filter), st.floats(0, 0.6), st.integers(0, 99))
def test_every_kept_list_obeys_the_filter_and_every_draw_is_counted(
    grades: dict[str, int], filter_: Filter, least: float, seed: int
) -> None:
    tally = Tally()
    recipe = Recipe(size=5, sets=6, filter=filter_, min_ndcg=least, seed=seed)
    lists = list(augmented(ranking(20), grades, recipe, tally))
    judged = list(grades.values())
    for graded in lists:
        own = [grades.get(hit.docid, 0) for hit in graded.candidates.hits]
        assert list(graded.grades) == own
        assert max(own) > 0
        assert graded.initial == ndcg(own, judged)
        assert graded.ideal == ndcg(sorted(own, reverse=True), judged) > graded.initial
        assert (graded.ideal if filter_ is Filter.IDEAL else graded.initial) >= least
    assert tally.drawn == 6 == tally.kept + tally.dropped.total()
    assert tally.kept == len(lists) == sum(tally.grades.values()) / 5


def test_the_two_readings_of_the_papers_filter_differ() -> None:
    grades = {"d19": 1}
    kept = {}
    for filter_ in Filter:
        recipe = Recipe(size=20, sets=1, filter=filter_, shuffle=False)
        kept[filter_] = len(list(augmented(ranking(20), grades, recipe, Tally())))
    assert kept == {Filter.IDEAL: 1, Filter.INITIAL: 0}


def test_a_short_ranking_gives_one_list_and_is_counted() -> None:
    tally = Tally()
    lists = list(augmented(ranking(3), {"d2": 1}, Recipe(shuffle=False), tally))
    assert [docids(graded.candidates) for graded in lists] == [("d0", "d1", "d2")]
    assert (tally.short, tally.drawn) == (1, 1)


def test_draws_that_repeat_one_another_are_kept_once() -> None:
    tally = Tally()
    lists = list(augmented(ranking(4), {"d2": 1}, Recipe(size=4, sets=5, shuffle=False), tally))
    assert len(lists) == 1
    assert tally.dropped[Dropped.REPEATED] == 4


def test_an_ideal_start_teaches_nothing() -> None:
    tally = Tally()
    assert not list(augmented(ranking(4), {"d0": 1}, Recipe(size=4, sets=1, shuffle=False), tally))
    assert tally.dropped == {Dropped.IDEAL: 1}


def test_the_summary_counts_all() -> None:
    tally = Tally()
    list(augmented(ranking(4), {"d1": 2}, Recipe(size=4, sets=1, shuffle=False), tally))
    list(augmented(ranking(4), {}, Recipe(), tally))
    assert tally.line() == (
        "queries 2 (1 without judgements, 0 short); drawn 1; dropped 0 repeated, 0 no relevant passage, "
        "0 below --min-ndcg, 0 already ideal; kept 1; grades 0: 3, 2: 1"
    )
