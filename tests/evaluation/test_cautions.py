import json
from pathlib import Path

import pytest

from rearank_cli.evaluation.cautions import cautions
from rearank_cli.evaluation.measures import evaluate
from rearank_cli.evaluation.rankings import Rankings
from rearank_cli.evaluation.runs import Run
from rearank_cli.evaluation.spellings import depth, measures_of

QRELS = {"q1": {f"d{number}": number % 2 for number in range(12)}, "q2": {"a": 1}}


def run_of(lists: dict[str, dict[str, float]], disordered: tuple[str, ...] = ()) -> Run:
    return Run("r", "", Rankings.of(lists), disordered)


def said(run: Run, *spellings: str) -> list[str]:
    measures = [measure for spelling in spellings for measure in measures_of(spelling)]
    return list(cautions(run, QRELS, evaluate(run, QRELS, measures), depth(measures)))


def falling(documents: list[str]) -> dict[str, float]:
    return {docid: float(-rank) for rank, docid in enumerate(documents)}


JUDGED = falling([f"d{number}" for number in range(12)])


def test_a_sound_run_is_passed_in_silence() -> None:
    assert said(run_of({"q1": JUDGED, "q2": {"a": 1.0}}), "map") == []


def test_a_missing_query_is_named() -> None:
    assert said(run_of({"q1": JUDGED}), "map") == ["r: 1 of 2 judged queries are missing and count 0: q2"]


def test_ties_count_in_32_bits_and_at_the_edge_of_the_top() -> None:
    edge = {f"d{number}": 1.0 if number >= 9 else 20.0 - number for number in range(12)}
    near = {**JUDGED, "d1": 5.0 + 1e-9, "d0": 5.0}
    for tied in (edge, near):
        (sentence,) = said(run_of({"q1": tied, "q2": {"a": 1.0}}), "map")
        assert sentence == (
            "r: 1 of 2 queries has tied scores in the top 10; as in trec_eval, the greater docid goes first"
        )
    below = {f"d{number}": 1.0 if number >= 10 else 20.0 - number for number in range(12)}
    assert said(run_of({"q1": below, "q2": {"a": 1.0}}), "map") == []


def test_unjudged_documents_in_the_top_ten() -> None:
    unjudged = falling(["x", "y", *(f"d{number}" for number in range(8))])
    (sentence,) = said(run_of({"q1": unjudged, "q2": {"a": 1.0}}), "map")
    assert sentence == "r: Judged@10 is 0.9000; a document without judgement counts as not relevant"


def test_lists_shorter_than_the_depth_of_a_measure() -> None:
    (sentence,) = said(run_of({"q1": JUDGED, "q2": {"a": 1.0}}), "recall.12", "P.5")
    assert sentence == "r: 1 of 2 queries has fewer than 12 documents, the depth of the measures"


def test_ranks_against_scores() -> None:
    run = run_of({"q1": JUDGED, "q2": {"a": 1.0}}, disordered=("q1", "q7"))
    assert said(run, "map") == ["r: ranks and scores disagree for 1 of 2 queries (q1); the scores decide"]


def of_provenance(folder: Path, text: str) -> list[str]:
    (folder / "r.json").write_text(text)
    qrels = {"q1": {"d1": 1}}
    run = Run(str(folder / "r"), "", Rankings.of({"q1": {"d1": 1.0}}))
    return list(cautions(run, qrels, evaluate(run, qrels, measures_of("map")), 0))


def test_answers_that_were_mostly_not_clean(tmp_path: Path) -> None:
    counts = {"asked": 10, "recalled": 5, "clean": 4, "repaired": 5, "partial": 0, "empty": 1}
    assert of_provenance(tmp_path, json.dumps({"windows": counts})) == [
        f"{tmp_path}/r: by {tmp_path}/r.json only 4 of 10 answers of the model were clean (5 repaired, 1 empty)"
    ]


@pytest.mark.parametrize(
    "beside",
    [{"windows": {"clean": 5, "repaired": 5}}, {"windows": {"clean": 0}}, {"windows": {"repaired": "5"}},
     {"windows": [5]}, {"queries": 1}, [{"windows": {"repaired": 5}}], None],
)  # fmt: skip
def test_a_sound_provenance_or_another_file_beside_the_run_says_nothing(
    tmp_path: Path, beside: object
) -> None:
    assert of_provenance(tmp_path, json.dumps(beside)) == []
    assert of_provenance(tmp_path, json.dumps(beside)[:-1]) == []
