"""Candidates streams in every layout, and what is wrong with them in one sentence."""

import gzip
import json
import random
from pathlib import Path

import pytest

from rearank_cli.errors import DataError
from rearank_cli.formats import elements, streams
from rearank_cli.formats.detect import read_rankings
from rearank_cli.formats.jsonl import read_objects, write_candidates
from rearank_cli.formats.streams import open_sink, open_source
from rearank_cli.records import Candidates, Hit, Query

LINE = {
    "query": {"qid": "1", "text": "q"},
    "candidates": [{"docid": "a", "score": 2.0, "doc": {"text": "x"}}],
}
EXPECTED = Candidates(Query("1", "q"), (Hit("a", 2.0, "x"),))


def read(path: Path, data: bytes | str) -> list[Candidates]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with open_source(str(path)) as source:
        return list(read_rankings(source))


@pytest.mark.parametrize(
    "layout",
    [
        LINE,
        {**LINE, "query": {"qid": 1, "text": "q"}},
        {**LINE, "candidates": [{"docid": "a", "score": 2, "doc": "x"}]},
        *({**LINE, "candidates": [{"docid": "a", "score": 2.0, "doc": {key: "x"}}]}
          for key in ("text", "contents", "passage", "segment")),
        {"query": "q", "hits": [{"content": "x", "qid": 1, "docid": "a", "rank": 1, "score": 2.0}]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", ["line", "crlf", "mark", "list", "gzip", "blank"])
def test_every_layout_of_the_field_is_read(tmp_path: Path, layout: object, shape: str) -> None:
    line = json.dumps(layout)
    data = {
        "line": line.encode(),
        "crlf": f"{line}\r\n".encode(),
        "mark": b"\xef\xbb\xbf" + line.encode(),
        "list": f"\n[{line}]\n".encode(),
        "gzip": gzip.compress(line.encode()),
        "blank": f"\n\n{line}\n\n".encode(),
    }[shape]
    assert read(tmp_path / "c.jsonl", data) == [EXPECTED]


@pytest.mark.parametrize(
    "layout",
    [
        {
            **LINE,
            "query": {"query_id": "1", "text": "q"},
            "candidates": [{"docno": "a", "score": 2, "text": "x"}],
        },
        {
            **LINE,
            "query": {"_id": "1", "text": "q"},
            "candidates": [{"doc_id": "a", "score": 2, "text": "x"}],
        },
        {**LINE, "query": {"id": "1", "text": "q"}, "candidates": [{"pid": "a", "score": 2, "passage": "x"}]},
    ],
)
def test_ids_by_other_names_are_read_ir_datasets(tmp_path: Path, layout: object) -> None:
    assert read(tmp_path / "c.jsonl", json.dumps(layout)) == [EXPECTED]


@pytest.mark.parametrize("score", [{"score": None}, {}])
def test_scores_that_are_not_there_are_filled_in_rerankers_has_scores(
    tmp_path: Path, score: dict[str, None]
) -> None:
    rows = [{"docid": docid, "doc": "x", **score} for docid in "ab"]
    (found,) = read(tmp_path / "c.jsonl", line(candidates=rows))
    assert [(hit.docid, hit.score) for hit in found.hits] == [("a", 2.0), ("b", 1.0)]


def test_a_passage_of_which_only_the_title_is_known_is_read(tmp_path: Path) -> None:
    (found,) = read(tmp_path / "c.jsonl", hit(doc={"title": "T", "text": None}))
    assert found.hits == (Hit("a", 2.0, "", "T"),)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    candidates = Candidates(
        Query("1", "q ∂"), (Hit("a", 2.5, "x\u2028y", "T"), Hit("b", 1.0, "")), "dl19:bm25"
    )
    with open_sink(str(tmp_path / "c.jsonl.gz")) as sink:
        write_candidates(sink, candidates)
    with open_source(str(tmp_path / "c.jsonl.gz")) as source:
        assert list(read_rankings(source)) == [candidates]


def line(**changes: object) -> str:
    return json.dumps({**LINE, **changes})


def hit(**changes: object) -> str:
    return line(candidates=[{"docid": "a", "score": 2.0, "doc": {"text": "x"}, **changes}])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "found nothing"),
        (line() + "\n" + line()[:30], "c.jsonl:2: expected one JSON object a line"),
        (line() + "\n\n[]", "c.jsonl:3: expected a JSON object, found a list"),
        (line() + "\nnull", "c.jsonl:2: expected a JSON object, found nothing"),
        ("[" + line(), "expected a JSON list"),
        ("[" + line()[:-9], r"jsonl\[0\]: .* found no end of this one; is the file cut short"),
        ("[" + line() + ",", r"jsonl\[1\]: expected a JSON object, found the end of the data"),
        ("[" + line() + ",]", r"jsonl\[1\]: expected a JSON object, found none that parses"),
        ("[" + line() + " " + line() + "]", r"jsonl\[0\]: .* found no comma or bracket after"),
        ("[" + line() + "] x", "found more after its end"),
        ("[" + line() + ", 1]", r"jsonl\[1\]: expected a JSON object, found a number"),
        ("[" + line() + ", null]", r"jsonl\[1\]: expected a JSON object, found nothing"),
        ("[" + line() + ", {}]", r'jsonl\[1\]: expected an object with "query"'),
        ("[" + line() + ", {]}]", r"jsonl\[1\]: expected a JSON object, found none that parses"),
        ("[" + hit(score=0.5).replace("0.5", "NaN") + "]", r"jsonl\[0\]: .* found NaN, which is no JSON"),
        ("{}", 'expected an object with "query" and "candidates"'),
        (line(query={"qid": "1"}), "query '1' has no text"),
        (line(query={"qid": "1", "text": " "}), "query '1' has no text"),
        (line(query="q"), 'expected "query" as an object'),
        (
            line(query={"text": "q"}),
            "expected the id of a query as one of qid, _id, id, query_id, found none",
        ),
        (line(candidates=[{"doc": "x"}]), "candidate 1: expected the id of a document as one of docid"),
        (line(query={"qid": "a b", "text": "q"}), "qid 'a b' holds white space"),
        (line(candidates={}), "expected a list of candidates, found an object"),
        (line(candidates=[1]), "candidate 1: expected an object, found a number"),
        (hit(docid=""), "expected docid as a string"),
        (hit(docid=10**30), "expected docid as a string, found 1e"),
        (hit(docid="a\0"), "holds white space or NUL"),
        (hit(docid="a b"), "docid 'a b' holds white space"),
        (hit(doc={}), "document 'a' has no text"),
        (hit(doc=None), "document 'a' has no text"),
        (hit(score="high"), "expected a finite score, found 'high'"),
        (hit(score=0.5).replace("0.5", "NaN"), "expected finite numbers, found NaN"),
        (hit(score=0.5).replace("0.5", "-Infinity"), "expected finite numbers, found -Infinity"),
        (hit(score=0.5).replace("0.5", "1e999"), r"expected one JSON object a line, .*\(char [0-9]+\)\)$"),
        (line(candidates=2 * [{"docid": "a", "score": 1, "doc": "x"}]), "document 'a' stands twice"),
        (line() + "\n" + line(), "c.jsonl:2: query '1' stands twice"),
        (line().replace('"q"', '"caf\xe9"').encode("latin-1"), "c.jsonl:1: .*utf-8"),
        (gzip.compress(line().encode())[:40], "expected whole gzip data"),
        ('{"a":' * 10_000, "expected one JSON object a line"),
        ("[" * 10_000, r"c.jsonl\[0\]: expected a JSON object, found a list"),
    ],
)
def test_bad_candidates_are_one_sentence_with_file_and_line(
    tmp_path: Path, data: str | bytes, words: str
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path / "c.jsonl", data)
    assert str(tmp_path / "c.jsonl") in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_shared_lists_are_read_as_found(shared: Path) -> None:
    with open_source(str(shared / "dl19" / "bm25.json")) as source:
        rows = list(read_rankings(source))
    assert len(rows) == 43
    assert {len(row.hits) for row in rows} == {100}


def test_a_run_is_read_by_score_and_equal_scores_as_they_stand(tmp_path: Path) -> None:
    run = "1 Q0 a 1 1.0 t\n1 Q0 b 2 2.0 t\n1 Q0 c 3 1.0 t\n"
    (candidates,) = read(tmp_path / "run.trec", run)
    assert [hit.docid for hit in candidates.hits] == ["b", "a", "c"]
    assert {hit.text for hit in candidates.hits} == {None}


ODD = ['a"b\\', "}{][", "\\\\", '\\"', "\u2028\u6f22 \U0001f600", "", "x" * 300, '"],[{"']


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 64, 1000])
def test_a_list_is_read_the_same_wherever_its_bytes_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    drawn = random.Random(cut)

    def value(depth: int) -> object:
        kind = drawn.randrange(5 if depth else 2)
        if kind == 0:
            return drawn.choice(ODD)
        if kind == 1:
            return drawn.choice([1, -2.5, True, None, 10**15])
        if kind == 2:
            return [value(depth - 1) for _ in range(drawn.randrange(4))]
        return {drawn.choice(ODD): value(depth - 1) for _ in range(drawn.randrange(4))}

    monkeypatch.setattr(streams, "_PIECE", cut)
    for ascii_ in (True, False):
        rows = [{"a": value(4)} for _ in range(20)]
        text = json.dumps(rows, ensure_ascii=ascii_, indent=drawn.choice([None, 2, 70]))
        mark = "\ufeff" if cut > 2 else ""
        (tmp_path / "f").write_text(f"{mark} {text}\n\n", encoding="utf-8")
        with open_source(str(tmp_path / "f")) as source:
            found = list(read_objects(source))
        assert found == [(f"{tmp_path}/f[{index}]", row) for index, row in enumerate(rows)]
        (tmp_path / "f").write_text(" [ ] ", encoding="utf-8")
        with open_source(str(tmp_path / "f")) as source:
            assert list(read_objects(source)) == []


@pytest.mark.parametrize(
    "data",
    [b'[{"a": [' + b"{}," * 3000, b'{"a": [' + b"1," * 3000 + b"1]}", b'[{"a": [' + b"1," * 3000 + b"1]}]"],
    ids=["brackets", "numbers in a line", "numbers in a list"],
)
def test_an_object_of_too_many_values_is_refused_before_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(elements, "MOST_VALUES", 2000)
    with pytest.raises(DataError, match="expected an object of at most .* values, found more"):
        read(tmp_path / "bad", data)


def test_an_element_that_is_no_candidate_ends_the_reading_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_PIECE", 1000)
    (tmp_path / "bad.gz").write_bytes(gzip.compress(b"[" + line().encode() + b",{}" * 10_000_000))
    with open_source(str(tmp_path / "bad.gz")) as source:
        with pytest.raises(DataError, match=r"bad\.gz\[1\]: expected an object with"):
            list(read_rankings(source))
        assert source.stream.tell() < 100_000


def test_a_list_that_unpacks_beyond_all_measure_is_refused_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "FREE", 1 << 20)
    (tmp_path / "bad.gz").write_bytes(gzip.compress(b"[" + b" " * 10_000_000 + b"]"))
    with (
        open_source(str(tmp_path / "bad.gz")) as source,
        pytest.raises(DataError, match="more than 100 times"),
    ):
        list(read_rankings(source))


def test_an_object_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elements, "LONGEST", 1 << 20)
    with pytest.raises(DataError, match=r"bad\[0\]: expected an object of at most 1 MiB, found more"):
        read(tmp_path / "bad", b'[{"a": "' + b"x" * (4 << 20))
