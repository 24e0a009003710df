"""Random runs against trec_eval's rule, written out: float32 scores, equal ones by docid, both falling."""

import math
import random
import struct

import pytest

from rearank_cli.errors import DataError
from rearank_cli.evaluation.measures import evaluate
from rearank_cli.evaluation.rankings import Rankings
from rearank_cli.evaluation.runs import Run
from rearank_cli.evaluation.spellings import measures_of

MEASURES = ("map", "P.10", "recall.20", "recip_rank", "ndcg_cut.10", "ndcg", "mrr@3", "Judged@10", "success.5",
            "Rprec", "map_cut.20", "ndcg_burges@10")  # fmt: skip
Grades = dict[str, dict[str, int]]
Scores = dict[str, dict[str, float]]


def collection(seed: int) -> tuple[Grades, Scores]:
    """Judgements and a run with ties (in 64 bits and in 32), negative grades, missing and extra queries."""
    chance = random.Random(seed)
    documents = [f"d{number}" for number in range(60)] + ["ü", "Z", "a-very-long-document-identifier#1"]
    qrels, run = {}, {}
    for number in range(12):
        judged = chance.sample(documents, chance.randint(1, 40))
        retrieved = chance.sample(documents, chance.randint(1, 50))
        if number != 3:
            qrels[f"q{number}"] = {doc: chance.choice([-2, -1, 0, 0, 1, 2, 3]) for doc in judged}
        if number not in (5, 6):
            run[f"q{number}"] = {doc: score(chance) for doc in retrieved}
    return qrels, run


def score(chance: random.Random) -> float:
    return chance.choice([float(chance.randint(-3, 3)), 1.0 + chance.random() * 1e-8, chance.random()])


def float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def by_rule(grades: dict[str, int], scores: dict[str, float]) -> dict[str, float]:
    order = sorted(scores, key=lambda docid: (float32(scores[docid]), docid.encode()), reverse=True)
    gains = [max(grades.get(docid, 0), 0) for docid in order]
    hits = [gain > 0 for gain in gains]
    relevant = sum(grade > 0 for grade in grades.values())
    precisions = [sum(hits[:rank]) / rank if hit else 0.0 for rank, hit in enumerate(hits, 1)]

    def dcg(values: list[int], depth: int) -> float:
        return sum(value / math.log2(rank + 1) for rank, value in enumerate(values[:depth], 1))

    def ndcg(depth: int, values: list[int], ideal: list[int]) -> float:
        best = dcg(sorted(ideal, reverse=True), depth)
        return dcg(values, depth) / best if best else 0.0

    first = hits.index(True) + 1 if any(hits) else 0
    ideal = [max(grade, 0) for grade in grades.values()]
    return {
        "AP": sum(precisions) / max(relevant, 1),
        "P@10": sum(hits[:10]) / 10,
        "R@20": sum(hits[:20]) / max(relevant, 1),
        "RR": 1 / first if first else 0.0,
        "nDCG@10": ndcg(10, gains, ideal),
        "nDCG": ndcg(1000, gains, ideal),
        "RR@3": 1 / first if 0 < first <= 3 else 0.0,
        "Judged@10": sum(docid in grades for docid in order[:10]) / min(10, len(order)) if order else 0.0,
        "Success@5": float(any(hits[:5])),
        "Rprec": sum(hits[:relevant]) / max(relevant, 1),
        "AP@20": sum(precisions[:20]) / max(relevant, 1),
        "nDCG(dcg='exp-log2')@10": ndcg(10, [2**gain - 1 for gain in gains], [2**gain - 1 for gain in ideal]),
    }


@pytest.mark.parametrize("batch", range(10))
def test_200_random_runs_agree_query_by_query(batch: int) -> None:
    measures = [measure for name in MEASURES for measure in measures_of(name)]
    for seed in range(batch * 20, batch * 20 + 20):
        qrels, scores = collection(seed)
        found = evaluate(Run("run", "", Rankings.of(scores)), qrels, measures)
        assert found.missing == ("q5", "q6")
        assert "q3" not in found.queries
        for qid, grades in qrels.items():
            for name, value in by_rule(grades, scores.get(qid, {})).items():
                assert found.per_query[name][qid] == pytest.approx(value, abs=1e-4), (seed, qid, name)


def test_a_grade_of_minus_100_is_no_gain() -> None:
    qrels, run = (
        {"q": {"a": 1, "b": -100, "c": 3}},
        Run("run", "", Rankings.of({"q": {"b": 3.0, "c": 2.0, "a": 1.0}})),
    )
    for spelling in ("ndcg@10", "ndcg_burges@10", "mrr@10", "map"):
        (mean,) = evaluate(run, qrels, measures_of(spelling)).means.values()
        (plain,) = evaluate(run, {"q": {"a": 1, "c": 3}}, measures_of(spelling)).means.values()
        assert mean == pytest.approx(plain)


def test_only_retrieved_averages_over_the_runs_own_queries() -> None:
    qrels, run = {"q1": {"a": 1}, "q2": {"a": 1}}, Run("run", "", Rankings.of({"q1": {"a": 1.0}}))
    assert evaluate(run, qrels, measures_of("map")).means == {"AP": 0.5}
    alone = evaluate(run, qrels, measures_of("map"), only_retrieved=True)
    assert (alone.means, alone.queries, alone.missing) == ({"AP": 1.0}, ("q1",), ("q2",))


def test_a_query_with_negative_grades_only_counts_zero_and_harms_no_other() -> None:
    """trec_eval's C code reads stale memory there: alone it crashed or hung one process in a few."""
    qrels = {"a": {"x": 4}, "b": {"x": -1, "y": -2}}
    run = Run("run", "", Rankings.of({"a": {"x": 1.0}, "b": {"x": 1.0}}))
    for _ in range(50):
        found = evaluate(run, qrels, [*measures_of("ndcg"), *measures_of("num_ret"), *measures_of("bpref")])
        assert found.per_query["nDCG"] == {"a": 1.0, "b": 0.0}
        assert (found.means["NumRet"], found.per_query["Bpref"]) == (2.0, {"a": 1.0, "b": 0.0})


def test_a_grade_whose_gain_trec_evals_code_cannot_hold_is_refused() -> None:
    """Of 2^31 it filled 14 GB, of 2^40 it made 0."""
    run = Run("run", "", Rankings.of({"q": {"b": 2.0, "a": 1.0}}))
    held = {"q": {"a": 20, "b": 1}}
    assert evaluate(run, held, measures_of("ndcg_burges@5")).means == {
        "nDCG(dcg='exp-log2')@5": pytest.approx(
            (1 + (2**20 - 1) / math.log2(3)) / (2**20 - 1 + 1 / math.log2(3))
        )
    }
    for grade in (21, 31, 40, 100_000):
        with pytest.raises(
            DataError, match=f"expected grades of at most 20, .* found a grade of {grade}; take nDCG"
        ):
            evaluate(run, {"q": {"a": grade, "b": 1}}, measures_of("ndcg_burges@5"))
        assert evaluate(run, {"q": {"a": grade, "b": 1}}, measures_of("ndcg@5")).means["nDCG@5"] > 0.6
