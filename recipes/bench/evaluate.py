"""CPU time of a whole process: `rearank evaluate` beside trec_eval, pytrec_eval, ir_measures and ranx.

    python recipes/bench/evaluate.py [--queries 1000] [--depth 1000] [--rounds 5] [--trec-eval PLACE]

The run is made up (seeded; no ties, as ranx breaks them its own way) and measured with nDCG@10, AP, RR,
P@10 and R@100. Everything runs on one thread, in turns; medians of the rounds are printed, of the user and
system seconds of a process and its children, and of the ratios within a round. PLACE is C trec_eval's program,
or the folder of its release, which is built as its Makefile says. What is not there is left out, and named.
Each program runs once before the rounds (ranx compiles then). Every program's nDCG@10 is checked against the
others'. A last line is a small run of `rearank`: one query by 1000 documents.
"""

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from statistics import median

PYTREC_EVAL = """
import sys, pytrec_eval
qrels, run = {}, {}
for line in open(sys.argv[1]):
    qid, _, docid, grade = line.split()
    qrels.setdefault(qid, {})[docid] = int(grade)
for line in open(sys.argv[2]):
    qid, _, docid, _, score, _ = line.split()
    run.setdefault(qid, {})[docid] = float(score)
names = {"map", "P.10", "recall.100", "recip_rank", "ndcg_cut.10"}
found = pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run)
for name in ("ndcg_cut_10", "map", "P_10", "recall_100", "recip_rank"):
    print(name, sum(values[name] for values in found.values()) / len(found))
"""
RANX = """
import sys, ranx
qrels, run = ranx.Qrels.from_file(sys.argv[1], kind="trec"), ranx.Run.from_file(sys.argv[2], kind="trec")
names = ["ndcg@10", "map", "precision@10", "recall@100", "mrr"]
for name, value in ranx.evaluate(qrels, run, names, make_comparable=True).items():
    print(name, value)
"""
TREC_NAMES = ("ndcg_cut.10", "map", "P.10", "recall.100", "recip_rank")


def main() -> None:
    """Make the files, run every program in turns, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trec-eval", metavar="PLACE", default=shutil.which("trec_eval") or "")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        qrels, run = Path(folder) / "qrels.txt", Path(folder) / "run.trec"
        make(qrels, run, args.queries, args.depth)
        programs = {
            name: command
            for name, command in commands(qrels, run, args.trec_eval).items()
            if command or absent(name)
        }
        small = Path(folder) / "small"
        small.mkdir()
        make(small / "qrels.txt", small / "run.trec", queries=1, depth=1000)
        programs["rearank, small"] = commands(small / "qrels.txt", small / "run.trec", "")["rearank"]
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        figures: dict[str, float] = {}
        for _ in range(args.rounds + 1):
            for name, command in programs.items():
                spent, output = cpu_seconds(command)
                seconds[name].append(spent)
                figures[name] = ndcg(output)
    print(f"{args.queries} queries x {args.depth} documents, five measures; medians of {args.rounds} rounds")
    for name, times in seconds.items():
        ratio = median(ours / other for ours, other in zip(seconds["rearank"][1:], times[1:], strict=True))
        print(
            f"{name:16} {median(times[1:]):7.2f} CPU seconds   rearank / this {ratio:5.2f}   "
            f"nDCG@10 {figures[name]:.4f}"
        )
    del figures["rearank, small"]
    if max(figures.values()) - min(figures.values()) > 1e-4:
        raise SystemExit("the programs disagree on nDCG@10")


def make(qrels: Path, run: Path, queries: int, depth: int) -> None:
    """Write a run of distinct scores, and judgements of 60 retrieved and 60 other documents a query."""
    chance = random.Random(1)
    with run.open("w") as lines, qrels.open("w") as judgements:
        for qid in range(100_000, 100_000 + queries):
            documents = chance.sample(range(8_841_823), depth + 60)
            scores = sorted(chance.sample(range(1, 40_000_000), depth), reverse=True)
            for rank, (docid, score) in enumerate(zip(documents, scores, strict=False), 1):
                lines.write(f"{qid} Q0 {docid} {rank} {score / 1e6:.6f} bm25\n")
            for docid in chance.sample(documents[:depth], min(60, depth)) + documents[depth:]:
                judgements.write(f"{qid} 0 {docid} {chance.choice([0, 0, 0, 1, 2, 3])}\n")


def commands(qrels: Path, run: Path, trec_eval: str) -> dict[str, list[str]]:
    """Return program -> command line, empty where the program is not there."""
    files, python = [str(qrels), str(run)], sys.executable
    measures = [word for name in TREC_NAMES for word in ("-m", name)]
    program = built(trec_eval) if trec_eval else ""
    return {
        "rearank": [python, "-m", "rearank_cli", "evaluate", str(run), "--qrels", str(qrels), *measures],
        version(program): [program, *measures, *files] if program else [],
        "pytrec_eval": [python, "-c", PYTREC_EVAL, *files],
        "ir_measures": [python, "-m", "ir_measures", *files, "nDCG@10", "AP", "P@10", "R@100", "RR"],
        "ranx": [python, "-c", RANX, *files] if find_spec("ranx") else [],
    }


def built(place: str) -> str:
    """Return the program, after `make` where the place is a folder of sources."""
    if Path(place).is_dir():
        subprocess.run(["make"], cwd=place, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return str(Path(place).resolve() / "trec_eval")
    return place


def version(program: str) -> str:
    """Return what a trec_eval calls itself."""
    if not program:
        return "trec_eval"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return " ".join((done.stdout + done.stderr).split()).replace("version ", "")


def absent(name: str) -> bool:
    """Say that a program is left out."""
    print(f"{name}: not on this machine, left out", file=sys.stderr)
    return False


def cpu_seconds(command: list[str]) -> tuple[float, str]:
    """Run a command; return its CPU seconds, user and system, and its stdout."""
    threads: Mapping[str, str] = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **threads})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def ndcg(output: str) -> float:
    """Return nDCG@10 out of any of the programs' outputs."""
    rows = [line.split() for line in output.splitlines()]
    if rows[0][0] == "run":
        return float(rows[1][rows[0].index("nDCG@10")])
    return next(float(row[-1]) for row in rows if row[0].lower() in ("ndcg_cut_10", "ndcg@10"))


if __name__ == "__main__":
    main()
