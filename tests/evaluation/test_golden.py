"""trec_eval's own golden files, figure for figure, through the command line."""

import sys
from pathlib import Path

import pytest

from rearank_cli.evaluation.measures import evaluate
from rearank_cli.evaluation.rankings import Rankings
from rearank_cli.evaluation.runs import read_run
from rearank_cli.evaluation.spellings import measures_of
from rearank_cli.formats.streams import open_source
from rearank_cli.formats.trec import read_qrels
from tests.conftest import Run as Rearank

# What trec_eval prints and ir_measures has no name for (its RBP is another than trec_eval 10's rbp).
UNNAMED = {
    "11pt_avg", "G", "Rndcg", "binG", "gm_bpref", "gm_map", "ndcg_rel", "num_nonrel_judged_ret", "rbp",
    "rbp_resid", "relstring", "relstring_20", "runid", "utility", *(f"unj_{k}" for k in (5, 10, 20)),
    *(f"Rprec_mult_{k / 10:.2f}" for k in range(2, 21, 2)),
    *(f"relative_P_{k}" for k in (5, 10, 15, 20, 30, 100, 200, 500, 1000)),
}  # fmt: skip

Golden = dict[tuple[str, str], str]  # (trec_eval's measure, qid or all) -> figure as printed


@pytest.fixture
def folder(shared: Path) -> Path:
    return shared / "trec_eval"


def golden(path: Path) -> Golden:
    rows = [line.split() for line in path.read_text().splitlines()]
    return {(row[0], row[1]): row[2] for row in rows if len(row) == 3}


def compare(expected: Golden, found: Golden, min_grade: int = 1) -> set[str]:
    """Check every figure whose measure has a name; return trec_eval's names of the others."""
    left = set()
    for (spelling, qid), value in expected.items():
        if spelling in UNNAMED:
            left.add(spelling)
        else:
            (measure,) = measures_of(spelling, min_grade)
            assert found[str(measure), qid] == value, (spelling, qid)
    sys.stdout.write(f"\nwithout a name in ir_measures: {', '.join(sorted(left))}\n")
    return left


def of_command(rearank: Rearank, spellings: set[str], *args: str) -> Golden:
    named = [word for spelling in sorted(spellings - UNNAMED) for word in ("-m", spelling)]
    lines = rearank("evaluate", *args, *named, "--format", "tsv").stdout.splitlines()
    assert lines[0] == "run\tquery\tmeasure\tvalue"
    return {(measure, qid): value for _, qid, measure, value in (line.split("\t") for line in lines[1:])}


def spellings(expected: Golden) -> set[str]:
    return {spelling for spelling, _ in expected}


def test_all_of_out_test(rearank: Rearank, folder: Path) -> None:
    expected = golden(folder / "out.test")
    found = of_command(
        rearank, spellings(expected), str(folder / "results.test"), "--only-retrieved",
        "--qrels", str(folder / "qrels.test"),
    )  # fmt: skip
    assert compare(expected, found) == {"runid", "gm_map"}


def test_comments_in_judgements_are_skipped(rearank: Rearank, folder: Path) -> None:
    args = str(folder / "results.test"), "--qrels"
    commented = rearank("evaluate", *args, str(folder / "qrels.test.with-comments"), "-m", "map")
    assert commented == rearank("evaluate", *args, str(folder / "qrels.test"), "-m", "map")


@pytest.mark.parametrize(
    ("name", "run", "qrels", "options"),
    [
        ("out.test.a", "results.test", "qrels.test", ["--only-retrieved"]),
        ("out.test.aq", "results.test", "qrels.test", ["--only-retrieved", "-q"]),
        ("out.test.aqc", "results.trunc", "qrels.test", ["-q"]),
        ("out.test.aqcM", "results.trunc", "qrels.test", ["-q"]),
        ("out.test.aql", "results.test", "qrels.rel_level", ["--only-retrieved", "-q", "--min-grade", "2"]),
    ],
)
def test_every_named_measure_of_the_larger_files(
    rearank: Rearank, folder: Path, tmp_path: Path, name: str, run: str, qrels: str, options: list[str]
) -> None:
    expected = golden(folder / name)
    plain = tmp_path / run
    write_plain(folder / run, plain, depth=100 if name.endswith("M") else 1000)
    found = of_command(
        rearank, spellings(expected), str(plain), "--qrels", str(folder / qrels), *options
    )  # fmt: skip
    compare(expected, found, min_grade=2 if name.endswith("l") else 1)


def write_plain(source: Path, target: Path, depth: int) -> None:
    """Copy a run without what follows its sixth column (trec_eval ignores that, we refuse it), cut as by -M."""
    lines = [line.split()[:6] for line in source.read_text().splitlines()]
    kept = []
    for qid in dict.fromkeys(line[0] for line in lines):
        scores = {line[2]: float(line[4]) for line in lines if line[0] == qid}
        top = set(Rankings.of({qid: scores}).top(qid, depth))
        kept += [" ".join(line) for line in lines if line[0] == qid and line[2] in top]
    target.write_text("\n".join(kept) + "\n")


def test_a_query_that_the_run_lacks_counts_zero(rearank: Rearank, folder: Path, tmp_path: Path) -> None:
    write_plain(folder / "results.trunc", tmp_path / "run", depth=1000)
    done = rearank("evaluate", str(tmp_path / "run"), "--qrels", str(folder / "qrels.test"), "-m", "map")
    assert "1 of 3 judged queries are missing and count 0: 302" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("rankvicuna", 0.6682), ("checkpoint800", 0.6675), ("vicuna13b", 0.4517)],
)
def test_the_committed_dl19_runs(shared: Path, name: str, value: float) -> None:
    with open_source(str(shared / "dl19" / "qrels.txt")) as source:
        qrels = read_qrels(source)
    with open_source(str(shared / "dl19" / f"{name}.run.trec")) as source:
        run = read_run(source)
    assert round(evaluate(run, qrels, measures_of("ndcg@10")).means["nDCG@10"], 4) == value
