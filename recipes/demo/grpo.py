"""Train the demo model by GRPO on windows of BM25's candidates for the train queries.

    python recipes/demo/grpo.py MODEL OUT

Reward of a completion: 0.8 x rank + 0.1 x tags + 0.1 x complete list. Rank is nDCG relative to the order
presented, (after - before) / (1 - before), cut at -1. A list that is not complete earns at most 0 there:
otherwise leaving passages out would be nearly free, since the missing ones are put back in order.

The last 20 train queries are kept out for validation; no test query is read.
"""

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from collection import make_collection
from datasets import Dataset
from evaluate import Judged, ndcg, score, windows
from model import MAX_TOKENS, load_tokenizer, parse, prompt, save
from transformers import AutoModelForCausalLM, PrinterCallback, TrainerCallback, TrainerControl, TrainerState
from transformers.training_args import TrainingArguments
from trl import GRPOConfig, GRPOTrainer

VALIDATION = 20  # queries
Chat = list[dict[str, str]]


def rank_reward(grades: Sequence[int], completion: str) -> float:
    """nDCG gained over the order presented, as a share of what was left to gain; from -1 to 1.

    >>> rank_reward([0, 1], "<think></think><answer>[2] > [1]</answer>")
    1.0
    >>> rank_reward([0, 1], "<think></think><answer>[2]</answer>")
    0.0
    """
    permutation, _, complete = parse(completion, len(grades))
    before = ndcg(grades)
    gain = (ndcg([grades[i] for i in permutation]) - before) / (1 - before)
    return max(-1.0, gain if complete else min(gain, 0.0))


def rank(completions: list[Chat], grades: list[list[int]], **_: object) -> list[float]:
    """The rank reward of every completion."""
    return [rank_reward(values, chat[0]["content"]) for chat, values in zip(completions, grades, strict=True)]


def tags(completions: list[Chat], grades: list[list[int]], **_: object) -> list[float]:
    """1 for a completion that is `<think>...</think><answer>...</answer>` and nothing else."""
    return [
        float(parse(chat[0]["content"], len(values))[1])
        for chat, values in zip(completions, grades, strict=True)
    ]


def full(completions: list[Chat], grades: list[list[int]], **_: object) -> list[float]:
    """1 for a completion whose answer has every number exactly once."""
    return [
        float(parse(chat[0]["content"], len(values))[2])
        for chat, values in zip(completions, grades, strict=True)
    ]


class Progress(TrainerCallback):  # type: ignore[misc]  # mypy does not read transformers
    """Prints what matters of the trainer's log, and the validation windows every 20 steps."""

    def __init__(self, trainer: GRPOTrainer, validation: Sequence[Judged]) -> None:
        self.trainer = trainer
        self.validation = validation
        self.began = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Print means over the last steps."""
        names = ("reward", "rewards/rank/mean", "rewards/full/mean", "frac_reward_zero_std", "entropy")
        if logs and "reward" in logs:
            values = "  ".join(f"{name} {float(logs[name]):.3f}" for name in names)
            print(f"step {state.global_step}  {values}  ({time.monotonic() - self.began:.0f} s)", flush=True)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Validate by greedy decoding."""
        if state.global_step % 20 == 0:
            self.validate()

    def validate(self) -> None:
        """Print nDCG and the share of complete lists of the validation windows."""
        model = self.trainer.model
        reached, complete = score(model, self.trainer.processing_class, self.validation)
        model.train()
        print(f"  validation: nDCG {reached:.4f}, complete lists {complete:.1%}", flush=True)


def config(out: Path, steps: int, rate: float, seed: int) -> GRPOConfig:
    """GRPO on one CPU: 8 prompts of 12 completions a step, learning rate decayed to 0."""
    return GRPOConfig(
        output_dir=str(out),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        per_device_train_batch_size=96,
        num_generations=12,
        steps_per_generation=1,
        max_completion_length=MAX_TOKENS,
        temperature=1.0,
        max_steps=steps,
        learning_rate=rate,
        lr_scheduler_type="linear",
        warmup_steps=5,
        weight_decay=0.0,
        max_grad_norm=1.0,
        beta=0.0,
        loss_type="dapo",
        epsilon_high=0.28,
        scale_rewards="group",
        reward_weights=[0.8, 0.1, 0.1],
        logging_steps=5,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        seed=seed,
    )


def main() -> None:
    """Train MODEL and write the end of it to OUT."""
    parser = argparse.ArgumentParser(description="Train the demo model by GRPO.")
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    collection = make_collection()
    queries = collection.split("train")
    shown = windows(collection, queries[:-VALIDATION], random.Random(options.seed), shuffled=2)
    validation = windows(collection, queries[-VALIDATION:], random.Random(5), shuffled=1)[:120]
    rows = [
        {
            "prompt": [{"role": "user", "content": prompt(each.query, each.passages)}],
            "grades": list(each.grades),
        }
        for each in shown
    ]
    print(f"{len(rows)} windows to train on, {len(validation)} to validate", flush=True)
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32),
        reward_funcs=[rank, tags, full],
        args=config(options.out, options.steps, options.rate, options.seed),
        train_dataset=Dataset.from_list(rows),
        processing_class=load_tokenizer(options.model),
    )
    trainer.remove_callback(PrinterCallback)
    progress = Progress(trainer, validation)
    trainer.add_callback(progress)
    progress.validate()
    trainer.train()
    save(trainer.model, trainer.processing_class, options.out)


if __name__ == "__main__":
    main()
