"""Folders in BEIR's layout."""

import gzip
from pathlib import Path

import pytest

from rearank_cli.datasets import beir
from rearank_cli.datasets.collections import file_corpus
from rearank_cli.datasets.documents import Document
from rearank_cli.errors import DataError, MissingInput
from rearank_cli.records import Query
from tests.datasets.test_names import beir as small


def test_only_the_judged_queries_of_a_split_are_asked(tmp_path: Path) -> None:
    folder = small(tmp_path)
    with (folder / "queries.jsonl").open("a") as file:
        file.write('{"_id": "q2", "text": "nobody judged me"}\n')
    assert beir.queries(folder, "test") == [Query("q1", "fleas")]
    assert list(file_corpus(beir.corpus_file(folder)).read()) == [Document("d1", "Fleas.")]


def test_packed_files_serve_as_well(tmp_path: Path) -> None:
    folder = small(tmp_path)
    plain = folder / "corpus.jsonl"
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    assert list(file_corpus(beir.corpus_file(folder)).read()) == [Document("d1", "Fleas.")]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "corpus.jsonl").unlink()
    with pytest.raises(MissingInput, match=r"corpus\.jsonl: expected a file of a BEIR folder"):
        list(file_corpus(beir.corpus_file(folder)).read())
    with pytest.raises(MissingInput, match=r"train\.tsv.*; the splits there are test"):
        beir.queries(folder, "train")


def test_a_judged_query_without_words_is_an_error(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq9\td1\t1\n")
    with pytest.raises(DataError, match=r"queries\.jsonl: .* 1 missing, e\.g\. 'q9'"):
        beir.queries(folder, "test")
