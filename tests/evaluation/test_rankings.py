"""Lists in trec_eval's order, against the rule written out."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rearank_cli.evaluation.docids import Docids, Ints, Words
from rearank_cli.evaluation.measures import evaluate
from rearank_cli.evaluation.rankings import Rankings
from rearank_cli.evaluation.runs import Run
from rearank_cli.evaluation.spellings import measures_of
from rearank_cli.records import Qrels

DOCIDS = st.text("abcdefgh1ü€", min_size=1, max_size=30)
SCORES = st.sampled_from([1.0, 1.0 + 1e-9, 1.5, 2.0, -3.0, 0.0, -0.0, 1e30, 1e300, 1e301])
LISTS = st.dictionaries(st.sampled_from(["q1", "q2", "q3"]), st.dictionaries(DOCIDS, SCORES, max_size=12))


def by_rule(ranking: dict[str, float]) -> list[str]:
    def key(docid: str) -> tuple[float, bytes]:
        score = np.float32(min(ranking[docid], 1e39))  # beyond 32 bits all are equal
        return float(score), docid.encode()

    return sorted(ranking, key=key, reverse=True)


@pytest.mark.filterwarnings("ignore:overflow")
@given(LISTS)
def test_the_order_is_trec_evals_whatever_the_docids(lists: dict[str, dict[str, float]]) -> None:
    found = Rankings.of(lists)
    assert list(found) == [qid for qid, ranking in lists.items() if ranking]
    for qid in found:
        assert list(found[qid]) == by_rule(lists[qid])
        assert found[qid] == lists[qid]
        assert found.top(qid, 3) == by_rule(lists[qid])[:3]
        assert found.size(qid) == len(lists[qid])


def test_32_bits_decide() -> None:
    near = struct.unpack("f", struct.pack("f", 0.1))[0]
    assert list(Rankings.of({"q": {"a": 0.1, "b": near}})["q"]) == ["b", "a"]


def test_ties_down_to_a_depth_and_the_next_document() -> None:
    lists = Rankings.of({"q": {"a": 3.0, "b": 2.0, "c": 2.0, "d": 1.0}, "other": {"z": 1.0}})
    assert [lists.tied("q", depth) for depth in (1, 2, 3, 100)] == [False, True, True, True]
    assert not lists.tied("other", 10)


QRELS: Qrels = {"q1": {"b": 1, "no": 2, "c": 0}, "q2": {"a": 1}, "q9": {"a": 1}}
LINES = {"q1": {"a": 3.0, "b": 2.0, "c": 2.0, "bb": 1.0}, "q3": {"a": 1.0}, "q2": {"b": 1.0, "a": 1.0}}


def test_an_outline_keeps_the_ranks_of_what_is_judged() -> None:
    assert dict(Rankings.of(LINES).outlines(QRELS)) == {
        "q1": {" 0": -0.0, "c": -1.0, "b": -2.0, " 3": -3.0},
        "q2": {" 0": -0.0, "a": -1.0},
    }


@pytest.mark.parametrize("colliding", ["all", "none but in name"])
def test_hashes_that_collide_change_no_figure(monkeypatch: pytest.MonkeyPatch, colliding: str) -> None:
    """A judged document's key at two places: no outline. At one, of another document: told apart by bytes."""
    measures = [*measures_of("map"), *measures_of("P.1")]
    expected = evaluate(Run("r", "", Rankings.of(LINES)), QRELS, measures).per_query

    def keys(self: Docids, seeds: Ints) -> Words:
        return np.zeros(len(self.lengths), np.uint64)

    def near(self: Docids, seeds: Ints) -> Words:
        initials = [ord(text[0]) * 8 + len(text) - 1 for text in self.texts()]
        return np.array(initials, np.uint64) + np.uint64(1000) * seeds.astype(np.uint64)

    monkeypatch.setattr(Docids, "keys", keys if colliding == "all" else near)
    lists = Rankings.of({qid: {**ranking, "xx": 0.5} for qid, ranking in LINES.items()})
    judged = {qid: {**grades, "xy": 3} for qid, grades in QRELS.items()}
    found = evaluate(Run("r", "", lists), judged, measures).per_query
    assert found["P@1"] == expected["P@1"]
    assert found["AP"]["q1"] == pytest.approx(expected["AP"]["q1"] * 2 / 3)
