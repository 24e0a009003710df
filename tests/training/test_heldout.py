"""The guard: every query of TREC DL 2019 and 2020 is known by its qid, and by its words."""

from pathlib import Path

import pytest

from rearank_cli.records import Query
from rearank_cli.training.heldout import trec_dl_year


def test_all_97_queries_are_known_by_qid_and_by_words(shared: Path) -> None:
    rows = [
        line.split("\t")
        for line in (shared / "trec-dl-test-queries.tsv").read_text(encoding="utf-8").splitlines()
    ]
    assert len(rows) == 97
    for year, qid, text in rows:
        assert trec_dl_year(Query(qid, "reworded")) == year
        assert trec_dl_year(Query("new", f"  {text.upper()} ? ")) == year


def test_the_judged_queries_of_2021_are_none_of_them(shared: Path) -> None:
    """Its topics file repeats those of 2019 and 2020, without judgements."""
    judged = {line.split()[0] for line in (shared / "dl21" / "qrels.txt").read_text().splitlines()}
    topics = (shared / "dl21" / "topics.tsv").read_text(encoding="utf-8").splitlines()
    assert len(judged) == 53
    known = set()
    for line in topics:
        qid, _, text = line.partition("\t")
        if trec_dl_year(Query(qid, text)):
            known.add(qid)
    assert known
    assert not known & judged


@pytest.mark.parametrize("text", ["", "?", "\ud800"])
def test_odd_texts_are_no_test_queries(text: str) -> None:
    assert trec_dl_year(Query("new", text)) is None
