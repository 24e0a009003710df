"""How fast the retrievers are, on a collection made of real sentences.

    python recipes/bench/retrieve.py [FOLDER]

FOLDER holds public collections as recipes/data/fetch.sh lays them out (default: ../shared/data beside the
repository). Their sentences, shuffled with a fixed seed, make 100,000 documents of about 56 words (the mean
of MS MARCO); their queries are asked. Each retriever answers all queries twice, and the second round counts:
top 100 with texts, one query at a time. Times are CPU seconds, of Lucene's own process too, so that a busy
machine does no harm; the last line is a whole process on a built index, in wall time too. The first run builds
everything in a temporary folder, which is removed at the end.

Prints a Markdown table. Without the extra `pyserini` Lucene's line is left out.
"""

import csv
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rearank_cli.datasets.collections import file_corpus
from rearank_cli.retrieval import embedded, lucene

DOCUMENTS = 100_000
WORDS = 56
SEED = 7
HITS = 100
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def texts(folder: Path) -> Iterator[str]:
    """Yield the texts of the collections."""
    with (folder / "scifact" / "corpus.jsonl").open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)["text"]
    for year in ("dl19", "dl21"):
        with (folder / year / "judged_passages.tsv").open(encoding="utf-8") as file:
            yield from (line.partition("\t")[2] for line in file)


def queries(folder: Path) -> list[str]:
    """Return the judged queries of TREC DL 2019 and 2021, and SciFact's."""
    found = []
    for year in ("dl19", "dl21"):
        with (folder / year / "topics.tsv").open(encoding="utf-8") as file:
            found += [row[1] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    with (folder / "scifact" / "queries.jsonl").open(encoding="utf-8") as file:
        return found + [json.loads(line)["text"] for line in file][:300]


def write_collection(folder: Path, place: Path) -> None:
    """Write the documents, each made of sentences drawn at random."""
    draw = random.Random(SEED)
    sentences = [
        one.strip() for text in texts(folder) for one in re.split(r"(?<=[.?!])\s+", text) if one.strip()
    ]
    with place.open("w", encoding="utf-8") as file:
        for number in range(DOCUMENTS):
            words: list[str] = []
            while len(words) < WORDS:
                words += draw.choice(sentences).split()
            file.write(json.dumps({"_id": f"d{number}", "text": " ".join(words)}) + "\n")


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used, from /proc (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spent(pids: list[int], work: Callable[[], object]) -> float:
    """Return the CPU seconds that these processes spend on a piece of work."""
    before = sum(map(cpu, pids))
    work()
    return sum(map(cpu, pids)) - before


def measured(
    label: str, index: float, pids: list[int], search: Callable[[str], object], asked: list[str]
) -> None:
    """Print a retriever's line of the table, after a first round that warms it up."""
    rounds = [spent(pids, lambda: [search(query) for query in asked]) for _ in range(2)]
    row(label, f"{index:.1f}", f"{len(asked) / rounds[1]:.0f}")


def row(*cells: str) -> None:
    """Print a line of the table."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def bench_embedded(corpus: Path, folder: Path, asked: list[str]) -> None:
    """Measure the embedded retriever."""
    me = [os.getpid()]
    index = spent(me, lambda: embedded.retriever(file_corpus(str(corpus)), str(folder), k1=0.9, b=0.4))
    retriever = embedded.stored(str(folder))
    measured("embedded (`--backend bm25`)", index, me, lambda query: retriever.search(query, HITS), asked)


def bench_plain(corpus: Path, asked: list[str]) -> None:
    """Measure bm25s as its README has it: its own tokenizer, no stemmer, no texts."""
    import bm25s

    me, index = [os.getpid()], bm25s.BM25(k1=0.9, b=0.4, method="lucene", backend="numpy")

    def build() -> None:
        with corpus.open(encoding="utf-8") as file:
            stored = [json.loads(line)["text"] for line in file]
        index.index(bm25s.tokenize(stored, stopwords="en", show_progress=False), show_progress=False)

    def search(query: str) -> None:
        index.retrieve(
            bm25s.tokenize(query, stopwords="en", show_progress=False), k=HITS, show_progress=False
        )

    measured("bm25s alone, its own terms, no texts", spent(me, build), me, search, asked)


def bench_lucene(corpus: Path, folder: Path, asked: list[str]) -> None:
    """Measure Lucene, its process and ours together."""
    with lucene.running() as started:
        pids = [os.getpid(), started.process.pid]
        rows = folder / "rows"
        rows.mkdir(parents=True)
        with corpus.open(encoding="utf-8") as file, (rows / "rows.jsonl").open("w", encoding="utf-8") as out:
            for line in file:
                document = json.loads(line)
                out.write(
                    json.dumps({"id": document["_id"], "title": "", "contents": document["text"]}) + "\n"
                )
        place = str(folder / "lucene")
        index = spent(pids, lambda: started.ask({"documents": str(rows), "index": place, "threads": 1}))
        started.ask({"open": place, "k1": 0.9, "b": 0.4})
        measured("Lucene (`--backend lucene`)", index, pids, lambda query: started.search(query, HITS), asked)


def first_answer(corpus: Path, folder: Path) -> tuple[float, float]:
    """Return wall and CPU seconds of a whole process that answers one query from a built index, best of five."""
    command = [
        sys.executable,
        "-m",
        "rearank_cli",
        "retrieve",
        "--corpus",
        str(corpus),
        "--index",
        str(folder),
    ]
    seconds = []
    for _ in range(5):
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, input=b"how do fleas live", stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        seconds.append((time.perf_counter() - started, spent))
    return min(seconds)


def main() -> None:
    """Make the collection, and measure."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        corpus = here / "corpus.jsonl"
        write_collection(folder, corpus)
        asked = queries(folder)
        sys.stdout.write(
            f"{DOCUMENTS:,} documents, {corpus.stat().st_size / 1e6:.0f} MB, {len(asked)} queries, top {HITS}\n\n"
        )
        row("retriever", "index, CPU s", "queries/s a core")
        row("---", "--:", "--:")
        bench_embedded(corpus, here / "index", asked)
        if not lucene.missing():
            bench_lucene(corpus, here / "java", asked)
        bench_plain(corpus, asked)
        wall, own = first_answer(corpus, here / "index")
        sys.stdout.write(f"\nFirst answer from a built index, whole process: {wall:.2f} s, {own:.2f} CPU s\n")


if __name__ == "__main__":
    main()
