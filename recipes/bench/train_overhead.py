"""What a step of `rearank train` costs over the same TRL trainer called bare with a reward of 0.

    python recipes/bench/train_overhead.py LISTS [--model demo] [--rounds 4] [--steps 5]

Both get the same configuration (recipes/train/demo.toml with a learning rate of 0, so that both sample the same
completions), the same lists and seed, and take turns. Times are CPU seconds of this process in trainer.train(),
so that other work on the machine does not count; validation and saving are left out of both.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.formats.lists import read_lists
from rearank_cli.formats.streams import open_source
from rearank_cli.ranking.profiles import profile
from rearank_cli.training.arguments import grpo_arguments
from rearank_cli.training.examples import examples, split
from rearank_cli.training.grpo import grpo_trainer, rows
from rearank_cli.training.job import Job
from rearank_cli.training.recipe import Recipe, load_recipe, with_setting
from rearank_cli.training.running import watched

RECIPE = Path(__file__).parents[1] / "train" / "demo.toml"


def recipe(steps: int) -> Recipe:
    """Return the demo's recipe without learning, validation and saving."""
    found = load_recipe(str(RECIPE))
    for setting in (f"steps={steps}", "learning_rate=0", "eval_share=0", "save_every=1000"):
        found = with_setting(found, setting)
    return found


def job(lists: str, model: str, steps: int, folder: Path) -> Job:
    """Return a run of `rearank train` as its command makes it."""
    how, wanted = profile(model), recipe(steps)
    tokenizer = ChatTokenizer(how.model)
    with open_source(lists) as source:
        found = examples(read_lists(source), how.template, tokenizer)
    parts = split(found, (), wanted, lists)
    return Job(
        recipe=wanted, profile=how, tokenizer=tokenizer, split=parts, folder=folder, longest=how.window, devices=1,
        resume_from=None, data="", show=lambda text: None,
    )  # fmt: skip


def nothing(completions: Sequence[object], **_: object) -> list[float]:
    """The cheapest reward there is."""
    return [0.0] * len(completions)


def seconds(work: Job, *, bare: bool) -> float:
    """Return CPU seconds a step."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import GRPOConfig, GRPOTrainer

    if bare:
        arguments = {**grpo_arguments(work.recipe, work.checkpoints, 1), "reward_weights": [1.0]}
        trainer = GRPOTrainer(
            model=work.profile.model,
            reward_funcs=[nothing],
            args=GRPOConfig(**arguments),
            train_dataset=Dataset.from_list(rows(work.split.train)),
            processing_class=work.tokenizer.inner,
        )
        trainer.remove_callback(PrinterCallback)
    else:
        trainer = grpo_trainer(work)
        watched(work, trainer)
    began = time.process_time()
    trainer.train()
    return (time.process_time() - began) / work.recipe.steps


def main() -> None:
    """Print CPU seconds a step of both, and the share that ours cost more."""
    parser = argparse.ArgumentParser(description="Measure what a step of rearank train costs.")
    parser.add_argument("lists")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    bare: list[float] = []
    ours: list[float] = []
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        work = job(options.lists, options.model, options.steps, Path(folder))
        seconds(work, bare=True)  # the first run of a process pays for what all others find ready
        for number in range(options.rounds):
            for is_bare in (True, False) if number % 2 else (False, True):
                (bare if is_bare else ours).append(seconds(work, bare=is_bare))
    for name, values in (("bare", bare), ("ours", ours)):
        spread = f"median of {len(values)}; {min(values):.3f} to {max(values):.3f}"
        print(f"{name}: {statistics.median(values):.3f} s a step ({spread})")
    print(f"ours over bare: {statistics.median(ours) / statistics.median(bare) - 1:+.2%}")


if __name__ == "__main__":
    main()
