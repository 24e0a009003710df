"""The demo: the same bytes every time, and the whole pipe through a real shell."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rearank_cli.formats.lists import read_lists
from rearank_cli.formats.streams import open_source
from rearank_cli.ranking.permutation import parse
from rearank_cli.records import Outcome
from rearank_cli.training.rewards import Rules, answer_reward, tags_reward
from tests.conftest import ROOT, Run

DEMO = ROOT / "rearank_cli" / "datasets" / "demo"


def test_the_collection_is_what_its_script_makes(tmp_path: Path) -> None:
    script = ROOT / "recipes" / "demo" / "collection.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, capture_output=True)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "qrels/test.tsv"):
        assert (tmp_path / name).read_bytes() == (DEMO / name).read_bytes(), name


def test_no_test_query_is_a_train_query() -> None:
    rows = [json.loads(line) for line in (DEMO / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = {row["_id"]: row["text"] for row in rows}
    split = {name: {line.split("\t")[0] for line in (DEMO / "qrels" / f"{name}.tsv").read_text().splitlines()[1:]}
             for name in ("train", "test")}  # fmt: skip
    assert not split["train"] & split["test"]
    assert not {texts[qid] for qid in split["train"]} & {texts[qid] for qid in split["test"]}


def test_the_package_stays_small() -> None:
    assert sum(path.stat().st_size for path in (DEMO / "model").iterdir()) < 4_000_000
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 5_000_000


def test_demonstrations_grow_and_name_every_passage_once(tmp_path: Path) -> None:
    for name in ("one", "same"):
        recipe("demonstrations.py", tmp_path / name, "--lists", "80")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "same").read_bytes()
    with open_source(str(tmp_path / "one")) as source:
        lists = list(read_lists(source))
    sizes = [len(each.grades) for each in lists]
    assert (sizes[0], max(sizes[:10]), max(sizes)) == (2, 4, 6)
    for each, size in zip(lists, sizes, strict=True):
        assert parse(each.demonstration, size).outcome is Outcome.CLEAN
        assert (
            tags_reward(each.demonstration, Rules()) == answer_reward(each.demonstration, size, Rules()) == 1
        )


@pytest.mark.slow
def test_the_model_is_made_from_nothing_by_the_product(rearank: Run, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="the extra `train` is not installed")
    recipe("model.py", tmp_path / "untrained")
    recipe("demonstrations.py", tmp_path / "lists.jsonl", "--lists", "12")
    sft = ("--method", "sft", "--set", "mini_batch=2", "--set", "prompts=2", "--set", "micro_batch=2")
    few = ("--recipe", str(ROOT / "recipes/train/demo-sft.toml"), "--steps", "1", "-o", str(tmp_path / "sft"))
    rearank("train", str(tmp_path / "lists.jsonl"), "--model", str(tmp_path / "untrained"), *few, *sft)
    card = json.loads((tmp_path / "sft" / "rearank.json").read_text(encoding="utf-8"))
    assert card == json.loads((DEMO / "model" / "rearank.json").read_text(encoding="utf-8"))


def recipe(name: str, out: Path, *options: str) -> None:
    script = ROOT / "recipes" / "demo" / name
    subprocess.run([sys.executable, str(script), str(out), *options], check=True, capture_output=True)


def measured(stdout: str) -> float:
    return float(stdout.split()[-1])


def test_the_demo_pipe(shell: Run, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    first = shell(
        "rearank retrieve --dataset demo --hits 30 | tee bm25.jsonl | rearank evaluate - -m ndcg@10",
        cwd=tmp_path,
    )
    assert measured(first.stdout) == pytest.approx(0.5297, abs=5e-4)
    second = shell(
        "rearank rerank bm25.jsonl --model demo --limit 12 -o run.trec && "
        "cut -d' ' -f1 run.trec | sort -u > judged && grep -wFf judged demo.qrels > some.qrels && "
        "rearank evaluate run.trec --qrels some.qrels --metric nDCG@10".replace(
            "demo.qrels", str(DEMO / "qrels/test.tsv")
        ),
        cwd=tmp_path,
    )
    assert "windows 108" in second.stderr
    assert (tmp_path / "run.trec").read_text(encoding="utf-8").splitlines()[0].endswith(" demo:bm25:demo")
    assert measured(second.stdout) > 0.65, "the tiny model reranks far above BM25"


@pytest.mark.parametrize(
    "pipe",
    [
        "rearank retrieve --dataset demo | head -1",
        "rearank retrieve --dataset demo --format trec | head -1",
        "rearank retrieve --dataset demo --hits 6 | rearank rerank --model demo --limit 2 | head -1",
        "rearank retrieve --dataset demo | rearank evaluate - -q | head -1",
    ],
)
def test_a_reader_that_goes_away_is_quiet_at_any_stage(shell: Run, pipe: str) -> None:
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    done = shell(f"set +o pipefail; {pipe}")
    assert len(done.stdout.splitlines()) == 1
    for word in ("Traceback", "Exception", "Broken", "Error"):
        assert word not in done.stderr


def test_a_failed_stage_is_seen_by_the_next_one(shell: Run) -> None:
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    done = shell("rearank retrieve --dataset nowhere | rearank rerank --model demo", status=65)
    assert "nowhere" in done.stderr
    assert "<stdin>: expected candidates or a run, found nothing" in done.stderr
