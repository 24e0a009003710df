"""Bare runs get their texts: from a corpus file, from a dataset, through the command."""

import json
from pathlib import Path

import pytest

from rearank_cli.datasets import texts as texts_module
from rearank_cli.datasets.documents import Document
from rearank_cli.datasets.texts import Texts, attach_texts
from rearank_cli.errors import MissingInput
from rearank_cli.records import Candidates, Hit, Query
from tests.conftest import Run

STORE = {"a": Document("a", "fleas", "Title"), "b": Document("b", "bees")}


def texts() -> Texts:
    return Texts(
        "mine", lambda docids: {d: STORE[d] for d in docids if d in STORE}, {"1": "jump", "2": "fly"}
    )


def bare(qid: str, *docids: str, tag: str = "other") -> Candidates:
    return Candidates(
        Query(qid, ""), tuple(Hit(docid, float(-place)) for place, docid in enumerate(docids)), tag
    )


def test_order_and_scores_are_kept() -> None:
    (one,) = attach_texts([bare("1", "b", "a")], texts(), skip_missing=False)
    assert one == Candidates(
        Query("1", "jump"), (Hit("b", 0.0, "bees"), Hit("a", -1.0, "fleas", "Title")), "mine:other"
    )


def test_texts_are_looked_up_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []

    def find(docids: set[str]) -> dict[str, Document]:
        asked.append(set(docids))
        return {docid: STORE[docid] for docid in docids}

    monkeypatch.setattr(texts_module, "BATCH", 3)
    run = [bare("1", "a", "b"), bare("2", "b"), bare("1", "a")]
    list(attach_texts(run, Texts("mine", find, {"1": "jump", "2": "fly"}), skip_missing=False))  # type: ignore[arg-type]
    assert asked == [{"a", "b"}, {"a"}]


def test_what_has_a_text_keeps_it() -> None:
    whole = Candidates(Query("9", "own words"), (Hit("z", 1.0, "own text"),), "dl19:bm25")
    assert list(attach_texts([whole], texts(), skip_missing=False)) == [whole]


def test_missing_documents_are_named_or_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    run = [bare("1", "x", "a", "y"), bare("2", "b", "z")]
    with pytest.raises(MissingInput, match=r"query '1': 'x', 'y' not in the collection.*--skip-missing"):
        list(attach_texts(run, texts(), skip_missing=False))
    found = [[hit.docid for hit in one.hits] for one in attach_texts(run, texts(), skip_missing=True)]
    assert found == [["a"], ["b"]]
    assert "left out what is not in the collection: 'x', 'y', 'z'" in capsys.readouterr().err


def test_a_query_without_words_is_named() -> None:
    with pytest.raises(MissingInput, match="query '7' of the run is not among the queries"):
        list(attach_texts([bare("7", "a")], texts(), skip_missing=False))


def test_a_run_of_the_demo_comes_back_with_its_texts(
    rearank: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = tmp_path / "run.trec"
    whole = rearank("retrieve", "--dataset", "demo").stdout.splitlines()
    rearank("retrieve", "--dataset", "demo", "--format", "trec", "-o", str(run))
    again = rearank("retrieve", "--run", str(run), "--dataset", "demo").stdout.splitlines()
    for before, after in zip(map(json.loads, whole), map(json.loads, again), strict=True):
        assert (before["query"], before["tag"]) == (after["query"], after["tag"])
        assert [(c["docid"], c["doc"]) for c in before["candidates"]] == [
            (c["docid"], c["doc"]) for c in after["candidates"]
        ]


def test_a_run_and_two_files(rearank: Run, tmp_path: Path) -> None:
    for name, text in {
        "docs.tsv": "a\tfleas\n",
        "topics.tsv": "1\tjump\n",
        "run.trec": "1 Q0 a 1 2.5 theirs\n",
    }.items():
        (tmp_path / name).write_text(text)
    files = ("--corpus", str(tmp_path / "docs.tsv"), "--topics", str(tmp_path / "topics.tsv"))
    done = rearank("retrieve", "--run", str(tmp_path / "run.trec"), *files)
    assert json.loads(done.stdout) == {
        "query": {"qid": "1", "text": "jump"},
        "candidates": [{"docid": "a", "score": 2.5, "doc": {"text": "fleas"}}],
        "tag": "-:theirs",
    }
    refused = rearank("retrieve", "--run", str(tmp_path / "run.trec"), status=66)
    assert (
        "a bare run has no texts: expected --dataset NAME, or --corpus FILE and --topics FILE"
        in refused.stderr
    )
