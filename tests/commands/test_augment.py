"""`rearank augment` as a process: lists out, counts on stderr, and what it refuses."""

import json
import random
from pathlib import Path

import pytest
import pytrec_eval

from rearank_cli.training.heldout import trec_dl_year
from tests.conftest import Run

QRELS = "q1 0 d3 2\nq1 0 d4 1\nq2 0 d1 1\n"


def ranking(qid: str, n: int = 6, tag: str = "-:bm25") -> str:
    candidates = [{"docid": f"d{i}", "score": n - i, "doc": {"text": f"text {i}"}} for i in range(n)]
    return json.dumps(
        {"query": {"qid": qid, "text": f"words of {qid}"}, "candidates": candidates, "tag": tag}
    )


@pytest.fixture
def qrels(tmp_path: Path) -> str:
    (tmp_path / "qrels.txt").write_text(QRELS)
    return str(tmp_path / "qrels.txt")


def test_lists_are_candidates_with_grades(rearank: Run, qrels: str) -> None:
    done = rearank("augment", "--qrels", qrels, "--size", "4", "--sets", "3", stdin=ranking("q1"))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["draw"] for row in rows] == sorted({row["draw"] for row in rows})
    for row in rows:
        assert row["query"] == {"qid": "q1", "text": "words of q1"}
        assert [each["grade"] for each in row["candidates"]] == [
            {"d3": 2, "d4": 1}.get(each["docid"], 0) for each in row["candidates"]
        ]
        assert 0 <= row["initial"] < row["ideal"] <= 1
        assert row["tag"] == "-:bm25"
    assert f"kept {len(rows)};" in done.stderr


def test_draws_are_read_by_evaluate_and_rerank_each_by_its_name(
    rearank: Run, qrels: str, tmp_path: Path
) -> None:
    lists = rearank("augment", "--qrels", qrels, "--size", "4", "--sets", "5", stdin=ranking("q1")).stdout
    drawn = [json.loads(line) for line in lists.splitlines()]
    names = [f"q1#{each['draw']}" for each in drawn]
    assert len(names) > 1
    answers = [
        {
            "qid": name,
            "docids": [hit["docid"] for hit in each["candidates"]],
            "completion": "<answer>[4]</answer>",
        }
        for name, each in zip(names, drawn, strict=True)
    ]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    run = rearank("rerank", "--replay", str(tmp_path / "answers.jsonl"), stdin=lists)
    lines = [line.split() for line in run.stdout.splitlines()]
    assert list(dict.fromkeys(line[0] for line in lines)) == names
    assert [line[2] for line in lines if line[3] == "1"] == [each["candidates"][3]["docid"] for each in drawn]

    figures = rearank("evaluate", "-", "--qrels", qrels, "--only-retrieved", "--format", "json", stdin=lists)
    [row] = json.loads(figures.stdout)["runs"]
    mean = sum(each["initial"] for each in drawn) / len(drawn)
    assert row["measures"]["nDCG@10"] == pytest.approx(mean, abs=1e-4)


def test_a_draw_is_a_whole_number_and_stands_once(rearank: Run, qrels: str) -> None:
    lists = rearank("augment", "--qrels", qrels, "--size", "4", "--sets", "1", stdin=ranking("q1")).stdout
    done = rearank("evaluate", "-", "--qrels", qrels, stdin=lists + lists, status=65)
    assert "query 'q1#1' stands twice" in done.stderr
    odd = rearank("rerank", "--dry-run", stdin=lists.replace('"draw":1', '"draw":"one"'), status=65)
    assert "<stdin>:1: expected `draw` as a whole number, found 'one'" in odd.stderr


def test_the_same_bytes_whatever_the_order_of_the_queries(rearank: Run, qrels: str) -> None:
    args = ("augment", "--qrels", qrels, "--size", "4", "--sets", "5", "--seed", "3")
    one = rearank(*args, stdin="\n".join([ranking("q1"), ranking("q2")])).stdout
    assert one == rearank(*args, stdin="\n".join([ranking("q2"), ranking("q1")])).stdout
    assert one
    assert one != rearank(*args[:-1], "4", stdin="\n".join([ranking("q1"), ranking("q2")])).stdout


def test_judgements_are_those_of_the_tag_or_of_a_dataset(rearank: Run) -> None:
    found = rearank("retrieve", "--dataset", "demo", "--split", "train", "--hits", "10").stdout
    args = ("augment", "--size", "6", "--sets", "2")
    by_tag = rearank(*args, stdin=found)
    assert by_tag.stdout
    assert by_tag.stdout == rearank(*args, "--dataset", "demo/train", stdin=found).stdout
    assert (
        "none of its queries is judged there"
        in rearank(*args, "--dataset", "demo", stdin=found, status=65).stderr
    )


def test_test_queries_are_refused_unless_allowed(rearank: Run, tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("1037798 0 d3 2\n")
    args = ("augment", "--qrels", str(tmp_path / "q.txt"), "--size", "4")
    refused = rearank(*args, stdin=ranking("1037798"), status=65)
    assert "query '1037798' is a test query of TREC DL 2019" in refused.stderr
    assert refused.stdout == ""
    assert rearank(*args, "--allow-test-queries", stdin=ranking("1037798")).stdout


def test_excluded_queries_are_left_out_and_counted(rearank: Run, qrels: str, tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("q2 0 d1 1\n")
    args = ("augment", "--qrels", qrels, "--size", "4", "--exclude", str(tmp_path / "test.txt"))
    done = rearank(*args, stdin="\n".join([ranking("q1"), ranking("q2")]))
    assert {json.loads(line)["query"]["qid"] for line in done.stdout.splitlines()} == {"q1"}
    assert "1 excluded" in done.stderr
    assert "--exclude left out every query" in rearank(*args, stdin=ranking("q2"), status=65).stderr


@pytest.mark.parametrize(
    ("args", "stdin", "status", "words"),
    [
        ((), "", 65, "no query was left"),
        ((), "{", 65, "<stdin>:1: expected one JSON object a line"),
        ((), ranking("q1", tag="mine"), 66, "the tag 'mine' of query 'q1' names no dataset"),
        (("--qrels", "none.txt"), ranking("q1"), 66, "none.txt"),
        (("--qrels", "QRELS", "--dataset", "demo"), ranking("q1"), 2, "give one of them"),
        (("--qrels", "QRELS", "--size", "101"), ranking("q1"), 2, "expected at most --depth 100"),
        (("--qrels", "QRELS", "--size", "1"), ranking("q1"), 2, "--size"),
        (("--qrels", "QRELS", "--filter", "best"), ranking("q1"), 2, "--filter"),
        (("--qrels", "QRELS"), ranking("q9"), 65, "none of its queries is judged"),
        (
            ("--qrels", "QRELS", "--filter", "initial", "--min-ndcg", "1"),
            ranking("q1"),
            65,
            "no list was left",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_no_output(
    rearank: Run, qrels: str, args: tuple[str, ...], stdin: str, status: int, words: str
) -> None:
    done = rearank("augment", *(qrels if arg == "QRELS" else arg for arg in args), stdin=stdin, status=status)
    assert words in done.stderr
    assert done.stdout == ""


def test_dl21_gives_lists_whose_figures_are_trec_evals(rearank: Run, shared: Path, tmp_path: Path) -> None:
    folder = shared / "dl21"
    rows = json.loads((folder / "bm25.json").read_text(encoding="utf-8"))
    random.Random(1).shuffle(rows)
    (tmp_path / "shuffled.json").write_text(json.dumps(rows))
    args = ("--qrels", str(folder / "qrels.txt"))
    done = rearank("augment", str(folder / "bm25.json"), *args)
    assert done.stdout == rearank("augment", str(tmp_path / "shuffled.json"), *args).stdout
    assert "queries 53 (0 without judgements, 0 short); drawn 2650;" in done.stderr
    judged: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.txt").read_text().splitlines():
        qid, _, docid, grade = line.split()
        judged.setdefault(qid, {})[docid] = int(grade)
    evaluator = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut_10"})
    for row in map(json.loads, done.stdout.splitlines()):
        qid, grades = row["query"]["qid"], {each["docid"]: each["grade"] for each in row["candidates"]}
        best = sorted(grades, key=lambda docid: -grades[docid])
        for order, figure in ((list(grades), row["initial"]), (best, row["ideal"])):
            run = {qid: {docid: float(-rank) for rank, docid in enumerate(order)}}
            assert figure == pytest.approx(evaluator.evaluate(run)[qid]["ndcg_cut_10"], abs=1e-12)
        assert row["ideal"] >= 0.1
        assert row["ideal"] > row["initial"]
        assert len(grades) == 20
        assert not trec_dl_year_of(row)


def trec_dl_year_of(row: dict[str, dict[str, str]]) -> str | None:
    from rearank_cli.records import Query

    return trec_dl_year(Query(row["query"]["qid"], row["query"]["text"]))
