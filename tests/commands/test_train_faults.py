"""Training that comes to nothing says so with a sentence and 65, and keeps the best model that there was."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rearank_cli.cli import build
from tests.training import tiny

pytest.importorskip("trl")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.model(tmp_path_factory.mktemp("model"))


def train(model: str, place: Path, *settings: str, method: str = "sft") -> tuple[Result, Path]:
    """Run the command in this process on five queries; return what it said, and its folder."""
    out = place / "out"
    args = (tiny.lists(place / "lists.jsonl"), "--model", model, "-o", str(out), "--method", method)
    return CliRunner().invoke(build(), ["train", *args, *tiny.settings(*settings)]), out


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_weights_that_overflow_end_training_and_the_best_model_is_kept(
    model: str, tmp_path: Path, method: str
) -> None:
    done, out = train(model, tmp_path, "learning_rate=1e30", "steps=3", "eval_every=3", method=method)
    assert done.exit_code == 65
    last = done.stderr.strip().splitlines()[-1]
    assert "not finite" in last
    assert "the best model before it is kept. Lower learning_rate (now 1e+30)" in last
    assert json.loads(done.stdout)["fault"] in last
    assert (out / "rearank.json").exists()
    assert "those of step 0" in (out / "README.md").read_text()


def test_a_step_that_breaks_the_model_is_no_best_model(model: str, tmp_path: Path) -> None:
    done, out = train(model, tmp_path, "learning_rate=1e30", "steps=1", "mini_batch=2")
    assert done.exit_code == 65
    assert "the model's logits are not finite" in done.stderr
    assert "those of step 0" in (out / "README.md").read_text()


def test_without_held_out_lists_a_broken_model_is_not_kept(model: str, tmp_path: Path) -> None:
    done, out = train(model, tmp_path, "learning_rate=1e30", "steps=1", "mini_batch=2", "eval_share=0")
    assert done.exit_code == 65
    assert "no model is kept" in done.stderr
    assert not (out / "rearank.json").exists()
    assert not (out / "best").exists()


def test_weights_that_are_not_finite_are_not_trained(model: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for path in Path(model).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights["model.norm.weight"][:] = float("nan")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    done, _ = train(str(tmp_path), tmp_path)
    assert done.exit_code == 65
    assert "training stopped after 0 of 2 steps: the model's logits are not finite" in done.stderr


def test_rewards_that_are_all_equal_are_said_after_three_steps_and_at_the_end(
    model: str, tmp_path: Path
) -> None:
    """As in trl#5697: every answer is cut off, and each step reports a reward of 0."""
    done, out = train(model, tmp_path, "steps=4", "eval_every=4", "answer_tokens=8", method="grpo")
    why = "every answer was cut off at answer_tokens = 8; raise it"
    assert f"3 steps have taught the model nothing: {why}" in done.stderr
    fault = f"{out}: nothing was learnt in 4 steps: {why}"
    assert fault in done.stderr.strip().splitlines()[-1]
    assert json.loads(done.stdout) == {
        "checkpoint": str(out),
        "steps": 4,
        "nDCG@10": pytest.approx(json.loads(done.stdout)["nDCG@10"]),
        "fault": fault,
    }
    assert done.exit_code == 65


def test_layers_that_the_model_lacks_are_one_sentence(model: str, tmp_path: Path) -> None:
    done, _ = train(model, tmp_path, "lora_rank=2", "lora_targets=no_proj")
    assert "lora_targets = no_proj: " in done.stderr
    assert "has no such layers" in done.stderr
    assert done.exit_code == 2


def test_the_knobs_of_trl_train_together(tmp_path: Path) -> None:
    done, out = train(
        "demo", tmp_path, "answer_tokens=112", "steps=1", "num_iterations=2", "loss=bnpo", "delta=3.0",
        "mask_truncated=true", "entropy_bonus=0.01", "scale_rewards=batch", method="grpo",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [1]
    assert any("clipped" in row for row in rows)
