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


@pytest.mark.parametrize(
    ("line", "docid"),
    [
        ('{"pid": "p_0_1", "passage": "x", "spans": "(0,1)", "docid": "parent"}', "p_0_1"),
        ('{"docid": "d1", "title": "T", "body": "x"}', "d1"),
        ('{"docno": "d1", "text": "x"}', "d1"),
        ('{"doc_id": "d1", "text": "x"}', "d1"),
        ('{"_id": null, "doc_id": "d1", "text": "x"}', "d1"),
    ],
)
def test_the_id_is_found_by_the_names_in_use_pyserini_1271_pyterrier_376(line: str, docid: str) -> None:
    assert [document.docid for document in read_documents(source(line))] == [docid]


@pytest.mark.parametrize(
    ("lines", "documents", "left_out"),
    [
        ('{"_id": "a", "title": "T", "text": null}', [Document("a", "", "T")], 0),
        ('{"_id": "a", "title": "T"}', [Document("a", "", "T")], 0),
        ('{"_id": "a", "text": null}\n{"_id": "b", "text": "x", "title": null}', [Document("b", "x")], 1),
        ('{"_id": "a", "title": "", "text": null}\n{"_id": "b", "text": "x"}', [Document("b", "x")], 1),
        ('{"_id": "a", "text": null, "contents": "x"}', [Document("a", "x")], 0),
        ("a\t\nb\tx", [Document("a", ""), Document("b", "x")], 0),
    ],
)
def test_one_document_without_text_ends_no_collection_beir_78(
    lines: str, documents: list[Document], left_out: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(read_documents(source(lines))) == documents
    said = f"rearank: docs: left out {left_out} documents whose text is null\n" if left_out else ""
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    "header", ["id\ttext\ttitle", "docid\tbody", "pid\tpassage", "doc_id\tdocument text"]
)
def test_a_header_line_is_no_document_dpr_psgs_w100(header: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(read_documents(source(f"{header}\na\tx\n"))) == [Document("a", "x")]
    assert "docs:1: left out the header line" in capsys.readouterr().err


@pytest.mark.parametrize("header", ["qid\tquery", "query-id\ttext", "topic_id\tTitle", "id\tquestion"])
def test_a_header_line_is_no_query(header: str) -> None:
    assert list(read_queries(source(f"{header}\n1\tx\n"))) == [Query("1", "x")]


@pytest.mark.parametrize("line", ["1\ttitle", "id\ttitle text of a film", "x\tid"])
def test_a_first_line_of_words_is_no_header(line: str) -> None:
    assert len(list(read_queries(source(line)))) == 1


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
        ('{"text": "x"}', "docs:1: expected the id of a document as one of _id, id, pid"),
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
        ("1\tfleas\n2\t\n", "docs:2: query '2' has no text"),
        ("1\tfleas\n2\t  \t\n", "docs:2: query '2' has no text"),
        ("\tfleas", "docs:1: expected qid as a string, found ''"),
        (
            '{"text": "fleas"}',
            "docs:1: expected the id of a query as one of _id, id, qid, query_id, found none",
        ),
        ('{"_id": "1", "text": null}', "docs:1: query '1' has no text"),
    ],
)
def test_bad_topics_are_one_sentence_with_their_line(data: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        list(read_queries(source(data)))
    assert str(error.value).startswith(message)


def test_topics_are_json_lines_or_tsv() -> None:
    assert list(read_queries(source('{"_id": "1", "text": "fleas"}'))) == [Query("1", "fleas")]
    assert list(read_queries(source('{"qid": 1, "query": "fleas"}'))) == [Query("1", "fleas")]
    assert list(read_queries(source('{"query_id": "1", "text": null, "title": "fleas"}'))) == [
        Query("1", "fleas")
    ]
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
