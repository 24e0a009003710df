"""CPU time and memory of a whole process: `rearank evaluate` beside trec_eval, pytrec_eval, ir_measures and ranx.

    python recipes/bench/evaluate.py [--queries 1000] [--depth 1000] [--judged 120] [--rounds 5] [--trec-eval PLACE]
    python recipes/bench/evaluate.py --queries 6980 --judged 1 --alone --against FOLDER   # as MS MARCO's dev set is

The run is made up (seeded; no ties, as ranx breaks them its own way; ids are integers as MS MARCO's) and measured
with nDCG@10, AP, RR, P@10 and R@100. Half of the judged documents of a query are retrieved; with --judged 1 there
are 1.1 of them a query. Everything runs on one thread, in turns; medians of the rounds are printed, of the user and
system seconds of a process and its children, of the ratios within a round, and of the peak resident set. PLACE is
C trec_eval's program, or the folder of its release, which is built as its Makefile says. FOLDER is another checkout
of rearank. What is not there is left out, and named. Each program runs once before the rounds (ranx compiles then).
Every program's nDCG@10 is checked against the others'. A last line is a small run of `rearank`: one query by 1000
documents.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
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
AGAINST = "the other one"
ROOT = Path(__file__).parents[2]
TREC_NAMES = ("ndcg_cut.10", "map", "P.10", "recall.100", "recip_rank")


@dataclass(frozen=True)
class Spent:
    """CPU seconds of a process, user and system, the most memory it held at once (MB), and its stdout."""

    seconds: float
    megabytes: float
    output: str


def main() -> None:
    """Make the files, run every program in turns, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--judged", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trec-eval", metavar="PLACE", default=shutil.which("trec_eval") or "")
    parser.add_argument("--against", metavar="FOLDER", default="")
    parser.add_argument("--alone", action="store_true", help="leave other programs than rearank out")
    args = parser.parse_args()
    spent: dict[str, list[Spent]] = {}
    with tempfile.TemporaryDirectory() as folder:
        large, small = (Path(folder) / name for name in ("large", "small"))
        make(large, args.queries, args.depth, args.judged)
        make(small, queries=1, depth=1000, judged=args.judged)
        programs = ours(large, args.against)
        if not args.alone:
            found = commands(large / "qrels.txt", large / "run.trec", args.trec_eval)
            programs |= {name: command for name, command in found.items() if command or absent(name)}
        programs["rearank, small"] = ours(small, "")["rearank"]
        for _ in range(args.rounds + 1):
            for name, command in programs.items():
                spent.setdefault(name, []).append(run(command, args.against if name == AGAINST else ""))
    print(
        f"{args.queries} queries x {args.depth} documents, judgements by --judged {args.judged}, five measures; "
        f"medians of {args.rounds} rounds"
    )
    for name, rounds in spent.items():
        pairs = zip(spent["rearank"][1:], rounds[1:], strict=True)
        print(
            f"{name:16} {median(each.seconds for each in rounds[1:]):7.2f} CPU seconds   "
            f"rearank / this {median(our.seconds / each.seconds for our, each in pairs):5.2f}   "
            f"{median(each.megabytes for each in rounds[1:]):6.0f} MB   nDCG@10 {ndcg(rounds[0].output):.4f}"
        )
    figures = [ndcg(rounds[0].output) for name, rounds in spent.items() if name != "rearank, small"]
    if max(figures) - min(figures) > 1e-4:
        raise SystemExit("the programs disagree on nDCG@10")


def make(folder: Path, queries: int, depth: int, judged: int) -> None:
    """Write a run of distinct scores, and judgements: half of them of documents that were retrieved."""
    folder.mkdir()
    chance = random.Random(1)
    with (folder / "run.trec").open("w") as lines, (folder / "qrels.txt").open("w") as judgements:
        for qid in range(100_000, 100_000 + queries):
            others = judged // 2
            documents = chance.sample(range(8_841_823), depth + others)
            scores = sorted(chance.sample(range(1, 40_000_000), depth), reverse=True)
            for rank, (docid, score) in enumerate(zip(documents, scores, strict=False), 1):
                lines.write(f"{qid} Q0 {docid} {rank} {score / 1e6:.6f} bm25\n")
            retrieved = judged - others if judged > 1 else 1 + (chance.random() < 0.1)
            for docid in chance.sample(documents[:depth], min(retrieved, depth)) + documents[depth:]:
                grade = chance.choice([0, 0, 0, 1, 2, 3]) if judged > 1 else 1
                judgements.write(f"{qid} 0 {docid} {grade}\n")


def ours(folder: Path, against: str) -> dict[str, list[str]]:
    """Return the command line of `rearank`, and the same for another checkout if there is one."""
    words = ["evaluate", str(folder / "run.trec"), "--qrels", str(folder / "qrels.txt")]
    measures = [word for name in TREC_NAMES for word in ("-m", name)]
    command = [sys.executable, "-P", "-m", "rearank_cli", *words, *measures]
    return {"rearank": command, **({AGAINST: command} if against else {})}


def commands(qrels: Path, run: Path, trec_eval: str) -> dict[str, list[str]]:
    """Return program -> command line, empty where the program is not there."""
    files, python = [str(qrels), str(run)], sys.executable
    measures = [word for name in TREC_NAMES for word in ("-m", name)]
    program = built(trec_eval) if trec_eval else ""
    return {
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


def run(command: list[str], checkout: str) -> Spent:
    """Run a command, `rearank` as a checkout has it (this one if none is named)."""
    threads: Mapping[str, str] = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
    )
    places = {"PYTHONPATH": str(Path(checkout).resolve() if checkout else ROOT)}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.DEVNULL, env={**os.environ, **threads, **places}
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"status {process.returncode}: {' '.join(command)}")
        output.seek(0)
        return Spent(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output.read())


def ndcg(output: str) -> float:
    """Return nDCG@10 out of any of the programs' outputs."""
    rows = [line.split() for line in output.splitlines()]
    if rows[0][0] == "run":
        return float(rows[1][rows[0].index("nDCG@10")])
    return next(float(row[-1]) for row in rows if row[0].lower() in ("ndcg_cut_10", "ndcg@10"))


if __name__ == "__main__":
    main()
