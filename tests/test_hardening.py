"""What a stranger's file or a careless path must not do: hang, fill the memory, break off half-way, or tell."""

import gzip
import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.engines.faulty import serving

CANDIDATES = json.dumps(
    {"query": {"qid": "1", "text": "q"},
     "candidates": [{"docid": d, "score": 1.0, "doc": d} for d in "ab"], "tag": "demo:bm25"}
)  # fmt: skip
READERS = {
    "rerank": ["rerank", "{file}", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"],
    "replay": ["rerank", "good.jsonl", "--replay", "{file}"],
    "texts": ["rerank", "good.trec", "--corpus", "{file}", "--topics", "topics.tsv", "--replay", "good.trace"],
    "evaluate": ["evaluate", "{file}", "--qrels", "qrels"],
    "qrels": ["evaluate", "good.trec", "--qrels", "{file}"],
    "cost": ["evaluate", "good.trec", "--qrels", "qrels", "--trace", "{file}"],
    "augment": ["augment", "{file}", "--qrels", "qrels"],
    "train": ["train", "{file}", "--model", "demo", "--output", "out", "--dry-run"],
    "corpus": ["retrieve", "--corpus", "{file}", "--topics", "topics.tsv"],
    "topics": ["retrieve", "--corpus", "corpus.tsv", "--topics", "{file}"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _sound_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sound files beside the bad one."""
    monkeypatch.chdir(tmp_path)
    Path("good.jsonl").write_text(CANDIDATES, encoding="utf-8")
    Path("good.trec").write_text("1 Q0 a 1 2 t\n1 Q0 b 2 1 t\n", encoding="utf-8")
    Path("good.trace").write_text(
        '{"qid":"1","docids":["a","b"],"completion":"[2] > [1]"}\n', encoding="utf-8"
    )
    Path("qrels").write_text("1 0 a 0\n1 0 b 1\n", encoding="utf-8")
    Path("topics.tsv").write_text("1\tcats\n", encoding="utf-8")
    Path("corpus.tsv").write_text("a\tcats sleep\nb\tdogs run\n", encoding="utf-8")


def refused(rearank: Run, reader: str, file: str, status: int, words: str) -> None:
    before = sorted(path.name for path in Path().iterdir())
    args = [arg.format(file=file) for arg in READERS[reader]]
    done = rearank(*args, *(["--quiet"] if args[0] == "rerank" else []), status=status, OMP_NUM_THREADS="1")
    assert words in done.stderr
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith(f"rearank: {file}")]
    assert len(sentence) < 400
    assert done.stdout == ""
    assert sorted(path.name for path in Path().iterdir()) == before


@pytest.mark.parametrize("reader", READERS)
def test_whatever_a_file_is_read_as_damage_in_it_is_one_sentence(rearank: Run, reader: str) -> None:
    Path("bad.gz").write_bytes(b"\x1f\x8b and then no gzip")
    refused(rearank, reader, "bad.gz", 65, "bad.gz")


@pytest.mark.parametrize(
    ("reader", "data", "words"),
    [
        ("rerank", b"[" * 10_000 + b"]" * 10_000, "expected a JSON object, found a list"),
        ("evaluate", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "expected one JSON object a line"),
        ("corpus", b"a\0\tcats\n", "holds white space or NUL"),
        ("evaluate", CANDIDATES.encode("utf-16"), "expected UTF-8 text"),
        ("qrels", b"1 0 a 3000000000\n", "expected a grade of at most 100000"),
    ],
    ids=["deep list", "deep object", "NUL", "UTF-16", "great grade"],
)
def test_data_that_break_readers_are_one_sentence(rearank: Run, reader: str, data: bytes, words: str) -> None:
    Path("bad").write_bytes(data)
    refused(rearank, reader, "bad", 65, words)


def test_a_rank_of_thousands_of_digits_is_no_rank_and_no_matter(rearank: Run) -> None:
    Path("long").write_text(f"1 Q0 a {'9' * 5000} 2 t\n1 Q0 b 1 1 t\n", encoding="utf-8")
    assert rearank("evaluate", "long", "--qrels", "qrels").stdout.split()[-1] == "0.6309"


def test_a_loop_of_links_is_one_sentence(rearank: Run) -> None:
    Path("loop").symlink_to("other")
    Path("other").symlink_to("loop")
    refused(rearank, "rerank", "loop", 66, "Too many levels of symbolic links")


def test_candidates_come_through_a_named_pipe_as_well(rearank: Run) -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=(CANDIDATES, "utf-8"), daemon=True)
    writer.start()
    done = rearank("rerank", "pipe", "--replay", "good.trace", "--tag", "t")
    assert done.stdout == "1 Q0 b 1 2 t\n1 Q0 a 2 1 t\n"


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["rerank", "evaluate", "augment", "corpus"])
@pytest.mark.parametrize(
    ("start", "more"),
    [(b'{"query":"', b"x"), (b"[", b"1,"), (b"", b"1 Q0 a 1 2 t\n"), (b"a\t", b"x")],
    ids=["object", "list", "lines", "word"],
)
def test_a_small_file_that_unpacks_to_a_gigabyte_fills_no_memory(
    reader: str, start: bytes, more: bytes
) -> None:
    with gzip.open("bomb.gz", "wb") as bomb:
        bomb.write(start)
        for _ in range(64):
            bomb.write(more * (1 << 24) if len(more) == 1 else more * ((1 << 24) // len(more)))
    args = [arg.format(file="bomb.gz") for arg in READERS[reader]]
    done = subprocess.run(
        [sys.executable, "-m", "rearank_cli", *args], capture_output=True, check=False, timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30)),
    )  # fmt: skip
    assert done.returncode == 65, done.stderr
    assert done.stderr.decode().splitlines()[-1].startswith("rearank: bomb.gz")
    assert done.stdout == b""


def test_neither_key_nor_home_is_in_what_is_kept_of_a_run(rearank: Run, tmp_path: Path) -> None:
    model = tmp_path / "models" / "mine"
    model.mkdir(parents=True)
    with serving(lambda *_: "good") as server:
        rearank(
            "rerank", str(tmp_path / "good.jsonl"), "--model", str(model), "--api-key-env", "KEY",
            "--base-url", server.url, "--trace", str(tmp_path / "trace.jsonl"),
            "-o", str(tmp_path / "run.trec"), HOME=str(tmp_path), KEY="sk-0123",
        )  # fmt: skip
    assert server.keys == {"Bearer sk-0123"}
    for name in ("trace.jsonl", "run.trec", "run.trec.json"):
        kept = Path(name).read_text(encoding="utf-8")
        assert "~/models/mine" in kept
        assert not any(secret in kept for secret in ("sk-0123", str(tmp_path)))
