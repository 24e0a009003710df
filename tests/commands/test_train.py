"""`rearank train` as a process: a folder that rerank uses, resumed where it was killed, refused where it must be."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rearank_cli.cli import build
from tests.conftest import ROOT, Run
from tests.training import tiny

pytest.importorskip("trl")
pytestmark = pytest.mark.extra


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def lists(tmp_path: Path) -> str:
    return tiny.lists(tmp_path / "lists.jsonl")


LEARNING = tiny.settings("answer_tokens=112")  # with the demo model, whose answers differ in what they earn


def ids_of(completion: str) -> list[str]:
    return [line.split()[2] for line in completion.splitlines()]


@pytest.mark.slow
def test_grpo_leaves_a_folder_that_rerank_uses_as_it_is(rearank: Run, lists: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    done = rearank("train", lists, "--model", "demo", "-o", out, *LEARNING)
    last = json.loads(done.stdout)
    assert list(last) == ["checkpoint", "steps", "nDCG@10"]
    assert (last["checkpoint"], last["steps"]) == (out, 2)
    assert 0 < last["nDCG@10"] <= 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "nDCG@10" in row] == [0, 1, 2]
    assert {"reward", "rank", "tags", "answer", "loss", "entropy", "length"} <= rows[-1].keys() | rows[
        -2
    ].keys()
    assert max(row["nDCG@10"] for row in rows if "nDCG@10" in row) == pytest.approx(last["nDCG@10"], abs=1e-6)
    for name in ("recipe.toml", "samples.jsonl", "curves.png", "README.md", "rearank.json", "prompt.toml"):
        assert (tmp_path / "out" / name).stat().st_size > 0
    assert json.loads((tmp_path / "out" / "rearank.json").read_text())["window"] == 3
    used = rearank("rerank", "--model", out, "--max-malformed", "100", stdin=json.dumps(tiny.row("q9")))
    assert sorted(ids_of(used.stdout)) == ["d0", "d1", "d2"]
    again = refused(lists, "--model", "demo", "-o", out, *LEARNING)
    assert "holds a run already" in again.stderr
    again = refused(lists, "--model", "demo", "-o", out, "--resume", *LEARNING)
    assert "this run is finished" in again.stderr


@pytest.mark.slow
def test_a_lora_is_merged_into_a_whole_model(rearank: Run, model: str, lists: str, tmp_path: Path) -> None:
    args = ("--method", "sft", "--lora-rank", "2", *tiny.settings("learning_rate=0.1", "eval_share=0"))
    done = rearank("train", lists, "--model", model, "-o", str(tmp_path / "out"), *args)
    assert json.loads(done.stdout)["nDCG@10"] is None
    assert "no list is held out" in done.stderr
    assert (tmp_path / "out" / "adapter" / "adapter_config.json").exists()
    from safetensors.torch import load_file

    before = load_file(Path(model) / "model.safetensors")
    after = load_file(tmp_path / "out" / "model.safetensors")
    assert before.keys() == after.keys()
    assert any(not before[name].equal(after[name]) for name in before)


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "found"), [("auto", "BF16"), ("float32", "F32")])
def test_a_model_comes_back_in_the_numbers_it_came_in_or_those_asked_for(
    model: str, lists: str, tmp_path: Path, asked: str, found: str
) -> None:
    from safetensors import safe_open
    from transformers import AutoModelForCausalLM

    start = tmp_path / "start"
    shutil.copytree(model, start)
    AutoModelForCausalLM.from_pretrained(model, dtype="bfloat16").save_pretrained(start)
    out = tmp_path / "out"
    args = ("--method", "sft", *tiny.settings(f"save_dtype={asked}", "steps=1"))
    done = refused(lists, "--model", str(start), "-o", str(out), *args)
    assert done.exit_code == 0
    with safe_open(out / "model.safetensors", framework="pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {found}  # noqa: SIM118 - it is no dict


@pytest.mark.slow
def test_sft_learns_the_demonstration(rearank: Run, model: str, lists: str, tmp_path: Path) -> None:
    answer = "<answer>[2] > [1] > [3]</answer>"
    rows = [tiny.row(f"q{number}", demonstration=answer) for number in range(4)]
    (tmp_path / "shown.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    args = ("--method", "sft", "--steps", "30", "--learning-rate", "3e-3",
            *tiny.settings("mini_batch=2", "answer_tokens=40", "eval_every=30", "save_every=30"))  # fmt: skip
    done = rearank(
        "train", str(tmp_path / "shown.jsonl"), "--model", model, "-o", str(tmp_path / "out"), *args
    )
    assert json.loads(done.stdout)["nDCG@10"] == 1.0
    losses = [
        json.loads(line)["loss"]
        for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()
        if "loss" in line
    ]
    assert losses[-1] < 0.2 < losses[0]


def started(*args: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "rearank_cli", "train", *args],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ,
    )  # fmt: skip


@pytest.mark.slow
def test_killed_in_the_middle_and_resumed(rearank: Run, lists: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    more = ("--set", "steps=24", "--set", "save_every=2", "--set", "eval_every=24")
    args = (lists, "--model", "demo", "-o", str(out), *LEARNING, *more)
    process = started(*args)
    try:
        while len(whole := sorted(out.glob("checkpoints/checkpoint-*/whole.json"))) < 2:  # two are kept
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert whole
    torn = max(out.glob("checkpoints/checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    (torn / "optimizer.pt").write_bytes(b"")
    assert "these differ: seed" in refused(*args, "--resume", "--seed", "5").stderr
    done = rearank("train", *args, "--resume")
    assert f"{torn.name} is torn" in done.stderr
    assert "going on from checkpoint-" in done.stderr
    assert json.loads(done.stdout)["steps"] == 24
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == list(range(1, 25))


def refused(*args: str) -> Result:
    """Run the command in this process: it ends before any work."""
    return CliRunner().invoke(build(), ["train", *args])


def test_a_dry_run_counts_and_writes_nothing(model: str, lists: str, tmp_path: Path) -> None:
    recipe = str(ROOT / "recipes" / "train" / "rearank-7b.toml")
    args = ("--model", model, "-o", str(tmp_path / "out"), "--recipe", recipe)
    done = CliRunner().invoke(build(), ["train", lists, *args, "--dry-run"])
    plan = json.loads(done.stdout)
    assert (plan["steps"], plan["updates"], plan["rollouts"]) == (120, 1920, 491520)
    assert plan["lists"] == {"train": 8, "heldout": 2, "within": 10, "all": 10}
    assert set(plan["memory_gib"]) >= {"weights", "optimizer", "activations", "rollout cache"}
    assert not (tmp_path / "out").exists()


def test_a_trace_chooses_what_is_imitated_and_not_what_is_held_out(
    model: str, lists: str, tmp_path: Path
) -> None:
    text = "<think>a</think><answer>[2] > [1] > [3]</answer>"
    recorded = {"qid": "q1", "docids": ["d0", "d1", "d2"], "completion": text}
    (tmp_path / "trace.jsonl").write_text(json.dumps(recorded))
    args = (
        "--model",
        model,
        "-o",
        str(tmp_path / "out"),
        "--method",
        "sft",
        "--dry-run",
        *tiny.settings("answer_tokens=60"),
    )
    done = CliRunner().invoke(build(), ["train", lists, *args, "--from-trace", str(tmp_path / "trace.jsonl")])
    assert json.loads(done.stdout)["lists"] == {"train": 2, "heldout": 2, "within": 10, "all": 10}


def shown(place: Path, *demonstrations: str) -> str:
    """Write a list for each demonstration and return the path."""
    rows = [tiny.row(f"q{number}", demonstration=text) for number, text in enumerate(demonstrations)]
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(place)


SHORT, LONG = "<answer>[2] > [1] > [3]</answer>", f"<think>{'long ' * 99}</think><answer>[2] > [1]</answer>"


@pytest.mark.parametrize(
    ("demonstrations", "status", "words"),
    [
        ((SHORT, LONG, SHORT), 0, "1 with a demonstration longer than answer_tokens"),
        ((LONG, LONG), 65, "no demonstration is left to imitate: each of the 2 is longer than answer_tokens"),
    ],
)
def test_a_demonstration_that_does_not_fit_is_dropped_and_counted(
    model: str, tmp_path: Path, demonstrations: tuple[str, ...], status: int, words: str
) -> None:
    given = shown(tmp_path / "shown.jsonl", *demonstrations)
    args = ("--method", "sft", "--dry-run", *tiny.settings("answer_tokens=100", "eval_share=0"))
    done = refused(given, "--model", model, "-o", str(tmp_path / "out"), *args)
    assert words in done.stderr
    assert done.exit_code == status
    if status == 0:
        assert json.loads(done.stdout)["lists"]["train"] == 2


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (("--set", "device=gpu"), 69, "the recipe wants a GPU"),
        (("--set", "vllm=true"), 2, "vllm = true needs a GPU"),
        (("--set", "rollout=3"), 2, "did you mean 'rollouts'"),
        (("--set", "prompts=3", "--set", "mini_batch=2"), 2, "expected a multiple of mini_batch"),
        (("--recipe", "none.toml"), 66, "the recipe cannot be read"),
        (("--weights", "1,2"), 2, "expected three numbers"),
        (("--weights", "a"), 2, "expected three numbers"),
        (("--clip-reward", "no"), 2, "expected a number, or none"),
        (("--from-trace", "t.jsonl"), 2, "--from-trace is for --method sft"),
        (("--from-trace", "t.jsonl", "--method", "sft"), 66, "t.jsonl"),
        (("--set", "prompt_tokens=9"), 65, "lists have a prompt longer than prompt_tokens = 9"),
        (("--eval-lists", "none.jsonl"), 66, "none.jsonl"),
        (("--model", "./none"), 66, "found no such folder"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    model: str, lists: str, tmp_path: Path, args: tuple[str, ...], status: int, words: str
) -> None:
    out = tmp_path / "out"
    done = refused(lists, "--model", model, "-o", str(out), *tiny.settings(), *args)
    assert words in done.stderr
    assert (done.exit_code, done.stdout) == (status, "")
    assert not out.exists()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "expected training lists, found none"),
        ([{**tiny.row("q"), "candidates": [{"docid": "d", "doc": "x"}]}], "expected a `grade`"),
        ([tiny.row("q", grades=(1, 0))], "no signal in any of its 1 lists"),
    ],
)
def test_lists_that_teach_nothing_are_refused(
    model: str, tmp_path: Path, rows: list[dict[str, object]], words: str
) -> None:
    (tmp_path / "lists.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    args = ("--model", model, "-o", str(tmp_path / "out"), *tiny.settings())
    done = refused(str(tmp_path / "lists.jsonl"), *args)
    assert words in done.stderr
    assert done.exit_code == 65


def test_without_a_recipe_a_cpu_is_chosen_and_said_and_the_budget_is_the_models(
    lists: str, tmp_path: Path
) -> None:
    args = ("train", lists, "--model", "demo", "-o", str(tmp_path / "out"), "--dry-run")
    done = CliRunner().invoke(build(), args)
    assert "torch sees no GPU: training on the CPU" in done.stderr
    plan = json.loads(done.stdout)
    assert plan["answer_tokens"] == plan["rollouts"] * 112  # of the demo's rearank.json
    assert done.exit_code == 0


@pytest.mark.parametrize(("device", "status"), [("auto", 69), ("cpu", 65)])
def test_a_run_that_cannot_fit_is_refused_unless_its_device_is_named(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, status: int
) -> None:
    monkeypatch.setattr("rearank_cli.training.planning.free_memory", lambda: 1)
    lists = tiny.lists(tmp_path / "lists.jsonl")
    args = ("--model", model, "-o", str(tmp_path / "out"), "--set", "learning_rate=1e30", "--set", "steps=1")
    done = refused(
        lists, *tiny.settings(f"device={device}"), *args, "--set", "mini_batch=2", "--method", "sft"
    )
    assert "GiB by the estimate, and the CPU has 0.0 GiB free; " in done.stderr
    assert done.exit_code == status
    assert (tmp_path / "out").exists() == (device == "cpu")


def test_a_model_without_a_chat_template_is_refused(model: str, lists: str, tmp_path: Path) -> None:
    for path in Path(model).iterdir():
        if path.name != "chat_template.jinja":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    done = refused(lists, "--model", str(tmp_path), "-o", str(tmp_path / "out"), *tiny.settings())
    assert "the tokenizer has no chat template" in done.stderr
    assert done.exit_code == 65


@pytest.mark.parametrize(("merged", "words"), [(True, "merged into, {parent}"), (False, "merge_and_unload")])
def test_an_adapter_is_no_model_and_the_merged_one_is_named(
    model: str, lists: str, tmp_path: Path, merged: bool, words: str
) -> None:
    parent = tmp_path / "lo"
    (parent / "adapter").mkdir(parents=True)
    (parent / "adapter" / "adapter_config.json").write_text("{}")
    if merged:
        for path in Path(model).iterdir():
            (parent / path.name).write_bytes(path.read_bytes())
    done = refused(lists, "--model", str(parent / "adapter"), "-o", str(tmp_path / "out"), *tiny.settings())
    assert "found a LoRA adapter" in done.stderr
    assert words.format(parent=parent) in done.stderr
    assert done.exit_code == 66


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ("model.safetensors", "expected weights (*.safetensors)"),
        ("config.json", "expected config.json"),
    ],
)
def test_a_model_without_its_files_is_refused(
    model: str, lists: str, tmp_path: Path, left_out: str, words: str
) -> None:
    for path in Path(model).iterdir():
        if path.name != left_out:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    done = refused(lists, "--model", str(tmp_path), "-o", str(tmp_path / "out"), *tiny.settings())
    assert words in done.stderr
    assert done.exit_code == 66
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_named_with_its_cure(
    model: str, lists: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trl", None)
    done = refused(lists, "--model", model, "-o", str(tmp_path / "out"), *tiny.settings())
    assert "pip install 'rearank[train]'" in done.stderr
    assert done.exit_code == 69
