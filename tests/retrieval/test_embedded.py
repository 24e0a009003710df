"""The index on disk: built once, found by its content, never half there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rearank_cli.datasets.collections import Corpus, file_corpus
from rearank_cli.datasets.documents import Document
from rearank_cli.errors import DataError, MissingInput, OutputError, UsageError
from rearank_cli.retrieval import embedded
from rearank_cli.retrieval.embedded import Embedded

DOCS = "a\tfleas jump\nb\tbees fly over fleas\nc\tthe of\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rearank" / "indexes"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    place = tmp_path / "docs.tsv"
    place.write_text(DOCS)
    return place


def opened(docs: Path, folder: Path | str = "", k1: float = 0.9) -> Embedded:
    return embedded.retriever(file_corpus(str(docs)), str(folder), k1=k1, b=0.4)


def ranking(retriever: Embedded, query: str = "fleas jump") -> list[tuple[str, str | None]]:
    return [(hit.docid, hit.text) for hit in retriever.search(query, 10)]


def test_an_index_is_built_once_and_read_again(docs: Path, cache: Path) -> None:
    assert ranking(opened(docs)) == [("a", "fleas jump"), ("b", "bees fly over fleas")]
    (place,) = cache.iterdir()
    stamps = {file: file.stat().st_mtime_ns for file in place.iterdir()}
    assert ranking(opened(docs)) == [("a", "fleas jump"), ("b", "bees fly over fleas")]
    assert {file: file.stat().st_mtime_ns for file in place.iterdir()} == stamps
    assert list(cache.iterdir()) == [place]


def test_scores_on_disk_are_those_in_memory(docs: Path) -> None:
    corpus = file_corpus(str(docs))
    unnamed = Corpus("<pipe>", corpus.read, corpus.find, lambda: "")
    in_memory = embedded.retriever(unnamed, "", k1=0.9, b=0.4)
    assert in_memory.search("fleas", 10) == opened(docs).search("fleas", 10)


def test_other_content_or_settings_are_another_index(docs: Path, cache: Path) -> None:
    opened(docs)
    docs.write_text(DOCS + "d\tmore fleas\n")
    assert len(ranking(opened(docs), "fleas")) == 3
    opened(docs, k1=1.2)
    assert len(list(cache.iterdir())) == 3


def test_a_folder_of_ones_own_is_built_and_then_suffices(docs: Path, tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    found = ranking(opened(docs, folder))
    docs.unlink()
    assert ranking(embedded.stored(str(folder))) == found
    assert not cache.exists()


def test_a_folder_with_another_index_is_left_alone(docs: Path, tmp_path: Path) -> None:
    opened(docs, tmp_path / "mine")
    with pytest.raises(UsageError, match="made with another k1; remove it"):
        opened(docs, tmp_path / "mine", k1=1.2)
    docs.write_text("a\tother\n")
    with pytest.raises(UsageError, match="made with another content"):
        opened(docs, tmp_path / "mine")


def test_a_bad_document_leaves_no_index(docs: Path, cache: Path) -> None:
    docs.write_text(DOCS + "a\tagain\n")
    with pytest.raises(DataError, match=r"docs\.tsv:4: document 'a' stands twice"):
        opened(docs)
    assert list(cache.iterdir()) == []


def test_a_pipe_is_not_taken_for_what_an_index_was_made_from(docs: Path, tmp_path: Path) -> None:
    corpus = file_corpus(str(docs))
    pipe = Corpus("<pipe>", corpus.read, corpus.find, lambda: "")
    embedded.retriever(pipe, str(tmp_path / "mine"), k1=0.9, b=0.4)
    with pytest.raises(UsageError, match="documents from a pipe cannot be compared with it"):
        embedded.retriever(pipe, str(tmp_path / "mine"), k1=0.9, b=0.4)


def test_an_interrupted_build_leaves_no_index(cache: Path) -> None:
    def broken() -> Iterator[Document]:
        yield Document("a", "fleas")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedded.retriever(Corpus("docs", broken, lambda _: {}, lambda: "digest"), "", k1=0.9, b=0.4)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("name", ["documents.jsonl", "places.npy", "vocab.index.json", "documents.starts"])
def test_a_damaged_index_is_one_sentence(docs: Path, tmp_path: Path, name: str) -> None:
    opened(docs, tmp_path / "mine")
    (tmp_path / "mine" / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"mine: the index is damaged .*remove the folder"):
        embedded.stored(str(tmp_path / "mine"))


def test_an_index_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="expected an index, found none"):
        embedded.stored(str(tmp_path))


def test_what_cannot_be_written_is_said(
    docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="the index cannot be written"):
        opened(docs, tmp_path / "file" / "mine")


def test_without_a_cache_the_index_is_made_in_memory(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert ranking(opened(docs)) == [("a", "fleas jump"), ("b", "bees fly over fleas")]
    assert "the index is not kept" in capsys.readouterr().err
