"""Datasets by name, from files that lie where ir_datasets keeps them, with no network."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from rearank_cli.datasets import catalogue, opening
from rearank_cli.datasets.documents import Document
from rearank_cli.datasets.opening import open_dataset
from rearank_cli.errors import MissingInput, UsageError
from rearank_cli.records import Query
from tests.conftest import Run
from tests.datasets.test_names import beir

ARCHIVE = "msmarco-passage/collectionandqueries.tar.gz"
PASSAGES = b"10\tfleas jump high\n11\tbees fly\n12\tfleas bite dogs\n13\tdogs sleep\n"
QUERIES = "1\tfleas\n2\tnobody judged this\n3\tdogs\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of ir_datasets with a DL19 of four passages, of whose three queries two are judged."""
    home = tmp_path / "home"
    (home / "msmarco-passage" / "trec-dl-2019").mkdir(parents=True)
    (home / "msmarco-passage" / "trec-dl-2019" / "queries.tsv").write_text(QUERIES)
    (home / "msmarco-passage" / "trec-dl-2019" / "qrels").write_text("1 0 10 3\n3 0 12 1\n")
    with tarfile.open(home / ARCHIVE, "w:gz") as archive:
        member = tarfile.TarInfo("collection.tsv")
        member.size = len(PASSAGES)
        archive.addfile(member, io.BytesIO(PASSAGES))
    monkeypatch.setenv("IR_DATASETS_HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return home


def test_a_registered_name_is_retrieved_in_one_word(rearank: Run, home: Path) -> None:
    done = rearank("retrieve", "--dataset", "dl19")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    found = {row["query"]["qid"]: [candidate["docid"] for candidate in row["candidates"]] for row in rows}
    assert found == {"1": ["10", "12"], "3": ["13", "12"]}
    assert {row["tag"] for row in rows} == {"dl19:bm25"}
    assert rows[0]["candidates"][0]["doc"] == {"text": "fleas jump high"}
    assert done.stderr.splitlines() == [
        "rearank: dl19: msmarco-passage/trec-dl-2019/judged of ir_datasets, Lucene index msmarco-v1-passage"
    ]
    everything = rearank("retrieve", "--dataset", "dl19", "--all-queries").stdout.splitlines()
    assert [json.loads(line)["query"]["qid"] for line in everything] == ["1", "2", "3"]
    (home / "msmarco-passage" / "collection.tsv").unlink()
    (home / ARCHIVE).unlink()
    assert rearank("retrieve", "--dataset", "dl19").stdout == done.stdout  # from the index


def test_any_id_of_ir_datasets_is_retrieved(rearank: Run, home: Path) -> None:
    run = rearank(
        "retrieve", "--dataset", "msmarco-passage/trec-dl-2019", "--format", "trec"
    ).stdout.splitlines()
    assert run[0] == "1 Q0 10 1 2 msmarco-passage/trec-dl-2019:bm25"
    assert {line.split()[0] for line in run} == {"1", "3"}


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (ARCHIVE, "put its documents at {home}/msmarco-passage/collectionandqueries.tar.gz"),
        (
            "msmarco-passage/trec-dl-2019/queries.tsv",
            "put its queries at {home}/msmarco-passage/trec-dl-2019/queries.tsv",
        ),
        (
            "msmarco-passage/trec-dl-2019/qrels",
            "put the judgements of 'dl19' at {home}/msmarco-passage/trec-dl-2019/qrels",
        ),
    ],
)
def test_offline_one_sentence_names_the_file_and_its_place(
    rearank: Run, home: Path, gone: str, message: str
) -> None:
    (home / gone).unlink()
    done = rearank("retrieve", "--dataset", "dl19", "--offline", status=66, HF_HUB_OFFLINE="")
    assert done.stderr.splitlines()[1].endswith(
        f"could not be downloaded (offline was asked for); {message.format(home=home)}"
    )
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 2)


def test_a_large_download_wants_a_yes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ARCHIVE).unlink()
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(catalogue, "documents", lambda _: iter([Document("d", "downloaded")]))
    with pytest.raises(UsageError, match=r"'dl19'.* 1\.1 GB; agree with --yes"):
        list(open_dataset("dl19").corpus.read())
    assert list(open_dataset("dl19", yes=True).corpus.read()) == [Document("d", "downloaded")]
    monkeypatch.setattr(catalogue, "collection_of", lambda name: (name, opening.MANY + 1))
    with pytest.raises(UsageError, match="agree with --yes"):
        list(open_dataset("vaswani").corpus.read())


def test_what_is_left_out_is_each_collections_custom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "qrels", lambda _: {"q": {"gold": 1, "barred": -100}})
    assert open_dataset("arguana").leave_out("q") == {"q"}
    assert open_dataset("bright-aops").leave_out("q") == {"barred"}
    assert open_dataset("bright-aops").leave_out("other") == frozenset()
    assert open_dataset("dl19").leave_out("q") == frozenset()


def test_what_is_not_in_ir_datasets_is_said() -> None:
    signal = open_dataset("signal")
    with pytest.raises(MissingInput, match="'signal': its queries are not in ir_datasets"):
        signal.queries()
    with pytest.raises(
        MissingInput, match=r"'signal': its documents are not in ir_datasets.*--backend lucene"
    ):
        list(signal.corpus.read())


def test_bright_leaves_out_what_it_excludes(rearank: Run, home: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="BRIGHT's files are Parquet")
    parquet = pytest.importorskip("pyarrow.parquet")
    (home / "bright").mkdir()
    docs = [{"id": docid, "content": f"fleas {docid}"} for docid in ("a", "b", "c")]
    query = {
        "id": "0",
        "query": "fleas",
        "reasoning": "",
        "gold_answer": "",
        "gold_ids": ["a"],
        "excluded_ids": ["b"],
    }
    parquet.write_table(arrow.Table.from_pylist(docs), home / "bright" / "pony.docs.parquet")
    for name in (
        "",
        "Gemini-1.0_reason.",
        "claude-3-opus_reason.",
        "gpt4_reason.",
        "grit_reason.",
        "llama3-70b_reason.",
    ):
        parquet.write_table(arrow.Table.from_pylist([query]), home / "bright" / f"pony.{name}queries.parquet")
    done = rearank("retrieve", "--dataset", "bright-pony", "--format", "trec", "--hits", "2")
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["a", "c"]
    assert "not the .fixed ones; what it excludes is left out" in done.stderr
    figure = rearank("evaluate", "-", "--metric", "recall@2", "--format", "tsv", stdin=done.stdout)
    assert figure.stdout.split()[-1] == "1.0000"  # by the tag; what is excluded is no judgement


def test_a_dataset_without_words_is_said() -> None:
    with pytest.raises(MissingInput, match="'codesearchnet': its documents have no text that is known"):
        list(catalogue.documents("codesearchnet"))


def test_all_queries_of_a_folder(tmp_path: Path) -> None:
    folder = beir(tmp_path)
    with (folder / "queries.jsonl").open("a") as file:
        file.write('{"_id": "q2", "text": "nobody judged me"}\n')
    assert open_dataset(str(folder)).queries() == [Query("q1", "fleas")]
    assert open_dataset(str(folder), all_queries=True).queries()[1:] == [Query("q2", "nobody judged me")]


def test_the_list_says_what_there_is_and_what_is_here(rearank: Run, home: Path, tmp_path: Path) -> None:
    index = tmp_path / ".cache/pyserini/indexes/lucene-inverted.beir-v1.0.0-fiqa.flat.20221116.505594.d98ee6"
    index.mkdir(parents=True)
    done = rearank("retrieve", "--list", HOME=str(tmp_path))
    header, *rows = (line.split("\t") for line in done.stdout.splitlines())
    table = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert len(table) == 35
    assert table["dl19"]["here"] == "qrels,queries"
    assert (table["dl20"]["here"], table["dl20"]["documents"], table["dl20"]["download"]) == (
        "-", "8841823", "1058 MB",
    )  # fmt: skip
    assert (table["demo"]["here"], table["fiqa"]["here"]) == ("all", "index")
    assert table["signal"]["ir_datasets"] == "-"
