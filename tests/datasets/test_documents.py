"""Collections and topics from files, good and bad."""

import gzip
import io

import pytest

from rearank_cli.datasets.documents import Document, read_documents, read_queries
from rearank_cli.errors import DataError
from rearank_cli.formats.streams import Source, open_source
from rearank_cli.records import Query


def source(data: str | bytes) -> Source:
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return Source("docs", io.BufferedReader(stream))


@pytest.mark.parametrize(
    ("line", "document"),
    [
        ('{"_id": "d1", "title": "Fleas", "text": "jump"}', Document("d1", "jump", "Fleas")),
        ('{"id": "d1", "contents": "jump"}', Document("d1", "jump")),
        ('{"docid": 7, "text": "jump", "title": null}', Document("7", "jump")),
        ("d1\tjump\tand bite", Document("d1", "jump\tand bite")),
        ('[{"_id": "d1", "text": "jump"}]', Document("d1", "jump")),
        ('{"_id": "d1", "title": "Fleas", "text": ""}', Document("d1", "", "Fleas")),
    ],
)
def test_a_document_is_read_from_each_layout(line: str, document: Document) -> None:
    for data in (line, f"{line}\r\n", f"\n{line}\n\n", "\ufeff" + line):
        assert list(read_documents(source(data))) == [document]


def test_a_document_that_stands_there_again_is_kept_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(read_documents(source("a\tx\nb\ty\na\tx\na\tx\n"))) == [
        Document("a", "x"),
        Document("b", "y"),
    ]
    assert (
        capsys.readouterr().err
        == "rearank: docs: 2 documents stand there again, word for word; each was kept once\n"
    )


def test_the_title_is_indexed_with_the_text() -> None:
    assert (Document("d", "jump", "Fleas").indexed, Document("d", "jump").indexed) == ("Fleas jump", "jump")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "docs: expected a collection of documents, found nothing"),
        ('{"_id": "a", "text": "x"}\n{"_id": "b"}', "docs:2: document 'b' has no text"),
        ('{"_id": "a", "text": "x"}\n{"_id": "a", "text": "y"}', "docs:2: document 'a' stands twice"),
        ("a\tx\nb\ty\na\tz", "docs:3: document 'a' stands twice"),
        ("a\tx\nb y", "docs:2: expected docid<TAB>text, found no tab in 'b y'"),
        ('{"text": "x"}', "docs:1: expected the document's _id as a string, found None"),
        ("a b\tx", "docs:1: docid 'a b' holds white space"),
        ('{"_id": "a", "text": "x"}\n{"_id": "b", "te', "docs:2: expected one JSON object a line"),
        (b"a\tx\nb\tcaf\xe9", "docs:2: expected UTF-8 text, found the byte 0xe9"),
        (b'{"_id": "a", "text": "caf\xe9"}', "docs:1: expected one JSON object a line"),
    ],
)
def test_a_bad_collection_is_one_sentence_with_its_line(data: str | bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        list(read_documents(source(data)))
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "docs: expected queries, found nothing"),
        ("1\tfleas\n1\tbees", "docs:2: query '1' stands twice"),
        ('{"_id": "1", "text": " "}', "docs:1: query '1' has no text"),
        ("1 fleas", "docs:1: expected qid<TAB>text"),
    ],
)
def test_bad_topics_are_one_sentence_with_their_line(data: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        list(read_queries(source(data)))
    assert str(error.value).startswith(message)


def test_topics_are_json_lines_or_tsv() -> None:
    assert list(read_queries(source('{"_id": "1", "text": "fleas"}'))) == [Query("1", "fleas")]
    assert list(read_queries(source('{"qid": 1, "query": "fleas"}'))) == [Query("1", "fleas")]
    assert list(read_queries(source("1\tdo fleas jump\r\n2\tbees\r\n"))) == [
        Query("1", "do fleas jump"),
        Query("2", "bees"),
    ]


def test_a_packed_collection_is_unpacked(tmp_path: str) -> None:
    place = f"{tmp_path}/docs.tsv.gz"
    with gzip.open(place, "wt") as file:
        file.write("a\tx\n")
    with open_source(place) as opened:
        assert list(read_documents(opened)) == [Document("a", "x")]
