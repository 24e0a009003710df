"""`rearank evaluate` as a user meets it."""

import gzip
import json
from pathlib import Path

import pytest

from tests.conftest import Run

QRELS = "q1 0 a 2\nq1 0 b 0\nq2 0 c 1\nq3 0 d 1\n"
RUN = "q1 Q0 b 1 3.0 -:x\nq1 Q0 a 2 2.0 -:x\nq2 Q0 c 1 1.0 -:x\n"
TRUNCATED = gzip.compress(RUN.encode())[:-9]


@pytest.fixture
def qrels(tmp_path: Path) -> str:
    path = tmp_path / "qrels.txt"
    path.write_text(QRELS)
    return str(path)


@pytest.fixture
def run(tmp_path: Path) -> str:
    path = tmp_path / "run.trec"
    path.write_text(RUN)
    return str(path)


def test_a_table_of_averages_over_every_judged_query(rearank: Run, run: str, qrels: str) -> None:
    done = rearank("evaluate", run, "--qrels", qrels, "-m", "mrr@10", "-m", "P.1")
    assert done.stdout == "run       queries   RR@10     P@1\nrun.trec        3  0.5000  0.3333\n"
    assert done.stderr == (
        f"rearank: {run}: 1 of 3 judged queries are missing and count 0: q3\n"
        f"rearank: {run}: 2 of 2 queries have fewer than 10 documents, the depth of the measures\n"
    )


def test_only_retrieved_is_trec_evals_default(rearank: Run, run: str, qrels: str) -> None:
    done = rearank("evaluate", run, "--qrels", qrels, "-m", "mrr@10", "--only-retrieved", "--format", "tsv")
    assert done.stdout.splitlines()[1:] == [f"{run}\tall\tRR@10\t0.7500"]
    assert "1 of 3 judged queries are missing and are left out of the averages: q3" in done.stderr


def test_per_query_in_each_layout(rearank: Run, run: str, qrels: str) -> None:
    args = "evaluate", run, "--qrels", qrels, "-m", "RR", "-q"
    table = [line.split() for line in rearank(*args).stdout.splitlines()]
    rows = [["run.trec", "q1", "0.5000"], ["run.trec", "q2", "1.0000"], ["run.trec", "q3", "0.0000"]]
    assert table == [["run", "query", "queries", "RR"], *rows, ["run.trec", "all", "3", "0.5000"]]
    tsv = [line.split("\t") for line in rearank(*args, "--format", "tsv").stdout.splitlines()]
    assert [row[1:] for row in tsv[1:]] == [
        ["q1", "RR", "0.5000"], ["q2", "RR", "1.0000"], ["q3", "RR", "0.0000"], ["all", "RR", "0.5000"],
    ]  # fmt: skip
    found = json.loads(rearank(*args, "--format", "json").stdout)
    assert found == {
        "runs": [
            {
                "name": run,
                "measures": {"RR": 0.5},
                "queries": 3,
                "missing": ["q3"],
                "per_query": {"q1": {"RR": 0.5}, "q2": {"RR": 1.0}, "q3": {"RR": 0.0}},
            }
        ]
    }


def test_many_measures_stand_one_a_line(rearank: Run, run: str, qrels: str) -> None:
    lines = rearank("evaluate", run, "--qrels", qrels, "-m", "official").stdout.splitlines()
    assert lines[0].split() == ["run", "run.trec"]
    assert ["AP", "0.5000"] in [line.split() for line in lines]


def test_stdin_candidates_and_gzip_are_read(rearank: Run, tmp_path: Path, qrels: str) -> None:
    rows = [
        {
            "query": {"qid": qid, "text": "?"},
            "candidates": [{"docid": doc, "score": 0.0, "doc": "t"} for doc in docs],
        }
        for qid, docs in (("q1", "ab"), ("q2", "c"), ("q3", "d"))
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    packed = tmp_path / "run.gz"
    packed.write_bytes(gzip.compress(RUN.encode()))
    assert "1.0000" in rearank("evaluate", "--qrels", qrels, stdin=lines).stdout
    done = rearank("evaluate", str(packed), "-", "--qrels", qrels, "-m", "RR", stdin=lines)
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["RR", "0.5000", "1.0000"]


def test_min_grade_counts_higher_grades_only(rearank: Run, run: str, qrels: str) -> None:
    done = rearank("evaluate", run, "--qrels", qrels, "--min-grade", "2", "-m", "map")
    assert done.stdout.splitlines()[0].split()[-1] == "AP(rel=2)"
    assert done.stdout.split()[-1] == "0.1667"


def test_a_measure_in_any_spelling_is_printed_once_by_its_name(rearank: Run, run: str, qrels: str) -> None:
    done = rearank("evaluate", run, "--qrels", qrels, "-m", "ndcg_cut.10", "-m", "nDCG@10", "-m", "ndcg@10")
    assert done.stdout.splitlines()[0].split() == ["run", "queries", "nDCG@10"]


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"", 65, "expected candidates or a run, found nothing; did a stage fail?"),
        (b"q1 Q0 a 1 t\n", 65, "<stdin>:1: expected six columns (qid Q0 docid rank score tag), found 5"),
        (b"q1 Q0 a 1 2 t\nq1 Q0 b 2 nan t\n", 65, "<stdin>:2: expected a finite number as score (column 5)"),
        (b"q1 Q0 \xe9 1 2 t\n", 65, "<stdin>:1: expected UTF-8 text, found the byte 0xe9"),
        (b"q1 Q0 a 1 2 t\nq1 Q0 a 2 1 t\n", 65, "<stdin>:2: document 'a' stands twice for query 'q1'"),
        (b'{"query": {"qid": "q1"', 65, "<stdin>:1: expected one JSON object a line"),
        (b"q9 Q0 a 1 2 t\n", 65, "<stdin>: none of its 1 queries is among the 3 judged ones ('q9' ..."),
        (TRUNCATED, 65, "<stdin>: expected whole gzip data, found damage"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(rearank: Run, qrels: str, data: bytes, status: int, message: str) -> None:
    done = rearank("evaluate", "--qrels", qrels, stdin=data, status=status)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert message in done.stderr


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["{tmp}"], 66, "{tmp}: expected a file, found a folder"),
        (["{tmp}/none"], 66, "{tmp}/none: cannot be read"),
        (["{run}", "--qrels", "{tmp}/none"], 66, "{tmp}/none: cannot be read"),
        (["{run}"], 66, "its tag '-:x' names no dataset, so that its judgements are unknown; give them with --qrels"),
        (["{run}", "--dataset", "nope"], 66, "nope"),
        (["{run}", "-m", "ndgc@10"], 2, "unknown measure 'ndgc@10'; did you mean nDCG@10 or ndcg@10?"),
        (["{run}", "--qrels", "{qrels}", "--dataset", "dl19"], 2, "give one of them"),
        (["{run}", "--qrels", "{qrels}", "--min-grade", "0"], 2, "--min-grade 0"),
        (["-", "-", "--qrels", "{qrels}"], 2, "stdin (-) can be read once"),
        (["{run}", "--qrels", "{qrels}", "-m", "ERR@10"], 69, "measure ERR@10: nothing that works with rearank"),
        (["{run}", "--qrels", "{qrels}", "-m", "RBP(rel=1)"], 69, "pip install ir-measures[cwl_eval]"),
        (["{dl19}", "{dl20}"], 2, "runs of different datasets (dl19 in {dl19}, dl20 in {dl20})"),
    ],
)  # fmt: skip
def test_an_impossible_request_is_one_sentence(
    rearank: Run, tmp_path: Path, run: str, qrels: str, args: list[str], status: int, message: str
) -> None:
    places = {"tmp": str(tmp_path), "run": run, "qrels": qrels}
    for name in ("dl19", "dl20"):
        places[name] = str(tmp_path / name)
        (tmp_path / name).write_text(f"q1 Q0 a 1 2 {name}:bm25\n")
    done = rearank("evaluate", *(arg.format_map(places) for arg in args), status=status)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert message.format_map(places) in done.stderr


@pytest.mark.parametrize(("grade", "status"), [("1.5", 65), ("x", 65)])
def test_a_grade_that_is_no_whole_number(
    rearank: Run, tmp_path: Path, run: str, grade: str, status: int
) -> None:
    (tmp_path / "bad").write_text(f"q1 0 a 1\nq1 0 b {grade}\n")
    done = rearank("evaluate", run, "--qrels", str(tmp_path / "bad"), status=status)
    assert f"bad:2: expected a whole number as grade, found '{grade}'" in done.stderr


def test_a_document_with_two_grades(rearank: Run, tmp_path: Path, run: str) -> None:
    (tmp_path / "bad").write_text("q1 0 a 1\nq1 0 a 2\n")
    done = rearank("evaluate", run, "--qrels", str(tmp_path / "bad"), status=65)
    assert "bad:2: document 'a' is judged twice for query 'q1', 1 and 2; keep one" in done.stderr


def test_bm25_over_dl19(rearank: Run, shared: Path) -> None:
    folder = shared / "dl19"
    done = rearank(
        "evaluate", str(folder / "bm25.json"), "--qrels", str(folder / "qrels.txt"), "--metric", "ndcg@10"
    )
    assert done.stdout.split()[-3:] == ["bm25.json", "43", "0.5058"]
    assert done.stderr == ""


def test_judgements_are_found_by_the_tag(rearank: Run, shared: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    place = home / "msmarco-passage" / "trec-dl-2019" / "qrels"
    place.parent.mkdir(parents=True)
    place.write_bytes((shared / "dl19" / "qrels.txt").read_bytes())
    lines = (shared / "dl19" / "rankvicuna.run.trec").read_text().splitlines()
    tagged = "".join(" ".join([*line.split()[:5], "dl19:bm25:rank_vicuna"]) + "\n" for line in lines)
    done = rearank("evaluate", "--metric", "ndcg@10", stdin=tagged, IR_DATASETS_HOME=str(home))
    assert done.stdout.split()[-2:] == ["43", "0.6682"]
    done = rearank("evaluate", "--dataset", "dl19", stdin="\n".join(lines), IR_DATASETS_HOME=str(home))
    assert done.stdout.split()[-2:] == ["43", "0.6682"]


def test_the_help_waits_for_no_heavy_library(shell: Run) -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from rearank_cli.cli import build;"
        "result = CliRunner().invoke(build(), ['evaluate', '--help']); assert '--qrels' in result.output;"
        "heavy = {'numpy', 'ir_measures', 'pytrec_eval', 'ir_datasets', 'ranx', 'scipy', 'matplotlib', 'rich'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    shell(f'python -c "{script}"')


def test_a_comparison_with_a_baseline(rearank: Run, run: str, qrels: str, tmp_path: Path) -> None:
    better = tmp_path / "better.trec"
    better.write_text(RUN.replace("b 1 3.0", "b 3 1.0") + "q3 Q0 x 1 2.0 -:x\nq3 Q0 d 2 1.0 -:x\n")
    args = "evaluate", str(better), run, "--baseline", run, "--qrels", qrels, "-m", "RR", "-m", "num_ret"
    done = rearank(*args, "--test", "none")
    assert done.stdout.splitlines() == [
        "run          queries      RR  NumRet",
        "run.trec           3  0.5000       3",
        "better.trec        3  0.8333       5",
        "",
        "against run.trec  measure  difference  wins  ties  losses",
        "better.trec       RR          +0.3333     2     1       0",
    ]
    pytest.importorskip("scipy")
    found = json.loads(rearank(*args, "--test", "fisher", "--format", "json").stdout)
    assert (found["baseline"], found["test"]) == (run, "fisher")
    difference = found["runs"][1]["differences"]["RR"]
    assert (difference["wins"], difference["ties"], difference["losses"]) == (2, 1, 0)
    assert difference["p"] == difference["holm"] == 0.5
    assert difference["low"] == 0.0
    assert 0.33 < difference["high"] <= 0.5
    lines = rearank(*args, "--format", "tsv").stdout.splitlines()
    assert f"{better}\tall\tRR difference\t0.3333" in lines
    assert f"{better}\tall\tRR p\t0.183503" in lines


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["{run}", "--baseline", "{run}"], "expected another run to compare it with, found none"),
        (["{half}", "--baseline", "{run}", "--only-retrieved"], "answer different queries"),
        (["{run}", "--trace", "a", "--trace", "b"], "expected at most one --trace a run (1), found 2"),
        (["{run}", "{half}", "--fuse", "rrf", "-m", "map"], "--fuse writes a run; pipe it into"),
        (["{run}", "--fuse", "rrf"], "--fuse rrf: expected two runs or more, found 1"),
    ],
)
def test_a_comparison_that_makes_no_sense(
    rearank: Run, run: str, qrels: str, tmp_path: Path, args: list[str], message: str
) -> None:
    half = tmp_path / "half.trec"
    half.write_text("q1 Q0 a 1 1 -:x\n")
    words = [arg.format(run=run, half=half) for arg in args]
    judged = [] if "--fuse" in words else ["--qrels", qrels]
    assert message in rearank("evaluate", *words, *judged, status=2).stderr


def test_markdown_and_latex_carry_the_test_in_their_legend(rearank: Run, shared: Path) -> None:
    pytest.importorskip("scipy")
    folder = shared / "dl19"
    bm25 = str(folder / "bm25.json")
    args = (
        "evaluate",
        str(folder / "rankvicuna.run.trec"),
        "--baseline",
        bm25,
        "--qrels",
        str(folder / "qrels.txt"),
    )
    assert rearank(*args, "--format", "markdown").stdout.splitlines() == [
        "| run | queries | nDCG@10 |",
        "| --- | --: | --: |",
        "| bm25.json | 43 | 0.5058 |",
        "| rankvicuna.run.trec | 43 | 0.6682† |",
        "",
        "| against bm25.json | measure | difference | 95 % interval | wins | ties | losses | p | p (Holm) |",
        "| --- | --- | --: | --: | --: | --: | --: | --: | --: |",
        "| rankvicuna.run.trec | nDCG@10 | +0.1623 | +0.1118 +0.2130 | 33 | 5 | 5 | <0.0001 | <0.0001 |",
        "",
        "† p < 0.05 against bm25.json: paired t-test, Holm's correction for 1 comparison",
    ]
    latex = rearank(*args, "--format", "latex").stdout
    assert "rankvicuna.run.trec & 43 & 0.6682$^\\dagger$ \\\\\n" in latex
    assert "rankvicuna.run.trec & nDCG@10 & +0.1623 & +0.1118 +0.2130 & 33 & 5 & 5 & " in latex


def test_fused_runs_are_a_run(rearank: Run, shell: Run, run: str, qrels: str, tmp_path: Path) -> None:
    other = tmp_path / "other.trec"
    other.write_text("q1 Q0 a 1 9 -:y\nq3 Q0 d 1 1 -:y\n")
    fused = rearank("evaluate", run, str(other), "--fuse", "rrf").stdout
    assert fused.splitlines()[0] == "q1 Q0 a 1 2 -:rrf"
    done = rearank("evaluate", "--qrels", qrels, "-m", "RR", stdin=fused)
    assert done.stdout.split()[-1] == "1.0000"


def test_a_plot_beside_the_figures(rearank: Run, run: str, qrels: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = rearank("evaluate", run, "--qrels", qrels, "--plot", str(tmp_path / "out.png"))
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert done.stdout.startswith("run ")
    assert "--plot out.jpg: expected" in rearank("evaluate", run, "--plot", "out.jpg", status=2).stderr
    rearank("evaluate", run, "--qrels", qrels, "--plot", str(tmp_path / "none" / "out.png"), status=74)


@pytest.mark.parametrize("score", ["1_0", "\u0663", "0x10"])
def test_a_score_that_only_python_reads_is_refused(rearank: Run, tmp_path: Path, score: str) -> None:
    run, qrels = tmp_path / "run", tmp_path / "qrels"
    run.write_text(f"1 Q0 a 1 {score} t\n1 Q0 b 2 1 t\n")
    qrels.write_text("1 0 a 1\n")
    said = rearank("evaluate", str(run), "--qrels", str(qrels), status=65).stderr
    assert f"{run}:1: expected a finite number as score (column 5), found '{score}'" in said
