"""Teach the demo model to write: supervised training on demonstrations of an imperfect teacher.

    python recipes/demo/sft.py MODEL OUT

Every list is drawn afresh from the language, for queries whose concepts belong to the train split. The
teacher misses half of the synonyms, so the model ranks about as BM25 does but now and then notices a
synonym: GRPO rewards just that. A model that never noticed one would give GRPO nothing to amplify.

Sorting, not matching, is what takes the steps: lists grow from 2 to 6 passages in the first stage.
"""

import argparse
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from collection import draw_passage, draw_query, make_collection
from evaluate import score, windows
from model import WINDOW, demonstration, load_tokenizer, rendered, save
from transformers import AutoModelForCausalLM

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENS = 6000  # of one step, padding counted
SORT_WEIGHT = 2.0  # loss of the sorted counts and the answer, against 1 for the rows


@dataclass(frozen=True)
class Stage:
    """One run of the optimiser with its own learning rate, warmed up and decayed along a cosine."""

    steps: int
    rate: float
    notice: float  # probability that the teacher notices a synonym
    growing: bool = False  # lists of 2 passages at first, of up to WINDOW after half of the steps
    uneven: bool = False  # every list has its own mixture of good and bad passages


STAGES = (
    Stage(900, 3e-3, 0.4, growing=True),
    Stage(500, 2e-3, 0.5),
    Stage(1000, 2.5e-3, 0.5),
    # The first windows of a good order are mostly good passages, the last ones mostly bad.
    Stage(400, 2e-3, 0.5, uneven=True),
)


@dataclass(frozen=True)
class Batch:
    """Token ids, their mask, and the weight of every token in the loss (0 for prompt and padding)."""

    ids: torch.Tensor
    mask: torch.Tensor
    weights: torch.Tensor


def draw_batch(tokenizer: "PreTrainedTokenizerBase", stage: Stage, step: int, rng: random.Random) -> Batch:
    """Draw one step's lists, all of one length."""
    grown = min(1.0, 2 * step / stage.steps) if stage.growing else 1.0
    longest = 2 + round((WINDOW - 2) * grown**2)
    size = rng.randint(max(1, longest // 2), longest)
    # Short lists start at any number, so that every number is met early.
    first = 1 if grown == 1 else rng.randint(1, WINDOW - size + 1)
    prompts: list[str] = []
    answers: list[str] = []
    for _ in range(max(4, TOKENS // (25 * size + 20))):
        query = draw_query(rng, "train")
        weights = [rng.random() ** 3 for _ in range(4)] if stage.uneven else [25, 35, 25, 15]
        exact = rng.random() if stage.uneven else 0.45
        shared = rng.choices(range(4), weights, k=size)
        passages = [draw_passage(rng, query, concepts, exact) for concepts in shared]
        prompts.append(rendered(tokenizer, " ".join(query), passages, first))
        answers.append(demonstration(query, passages, stage.notice, rng, first) + tokenizer.eos_token)
    return pack(tokenizer, prompts, answers)


def pack(tokenizer: "PreTrainedTokenizerBase", prompts: list[str], answers: list[str]) -> Batch:
    """Put prompts and answers side by side into padded tensors of shape (lists, tokens)."""
    asked = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    said = tokenizer(answers, add_special_tokens=False)["input_ids"]
    sorting = tokenizer.encode("\nso")[-1]
    rows = [left + right for left, right in zip(asked, said, strict=True)]
    shape = (len(rows), max(map(len, rows)))
    ids = torch.full(shape, tokenizer.pad_token_id)
    mask = torch.zeros(shape, dtype=torch.long)
    weights = torch.zeros(shape)
    for i, (row, left) in enumerate(zip(rows, asked, strict=True)):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
        weights[i, len(left) : len(row)] = 1.0
        weights[i, row.index(sorting, len(left)) : len(row)] = SORT_WEIGHT
    return Batch(ids, mask, weights)


def loss_of(model: "PreTrainedModel", batch: Batch) -> torch.Tensor:
    """Weighted mean cross entropy of the answers' tokens."""
    logits = model(input_ids=batch.ids, attention_mask=batch.mask).logits[:, :-1]
    targets, weights = batch.ids[:, 1:], batch.weights[:, 1:]
    kept = weights > 0
    losses = torch.nn.functional.cross_entropy(logits[kept], targets[kept], reduction="none")
    return (losses * weights[kept]).sum() / weights[kept].sum()


def train(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", stage: Stage, seed: int) -> None:
    """Run one stage; prints the mean loss of every 50 steps."""
    rng = random.Random(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=stage.rate, weight_decay=0.01, betas=(0.9, 0.98))

    def rate(step: int) -> float:
        """Share of the stage's learning rate: 50 steps up, then a cosine down to a twentieth."""
        cosine = 0.5 * (1 + math.cos(math.pi * step / stage.steps))
        return min(1.0, (step + 1) / 50) * (0.05 + 0.95 * cosine)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    total, began = 0.0, time.monotonic()
    model.train()
    for step in range(1, stage.steps + 1):
        loss = loss_of(model, draw_batch(tokenizer, stage, step, rng))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % 50 == 0:
            print(f"  step {step} loss {total / 50:.4f} ({time.monotonic() - began:.0f} s)", flush=True)
            total = 0.0


def main() -> None:
    """Run the stages one after the other; OUT holds the model as it is after the last finished one."""
    parser = argparse.ArgumentParser(description="Teach the demo model to write.")
    parser.add_argument(
        "model", type=Path, help="the folder to start from: the untrained model, from model.py"
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--stage", type=int, default=1, help="start with this stage, MODEL being that before it"
    )
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    tokenizer = load_tokenizer(options.model)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    collection = make_collection()
    validation = windows(collection, collection.split("train")[-20:], random.Random(5), shuffled=1)[:120]
    for number, stage in enumerate(STAGES):
        if number + 1 < options.stage:
            continue
        print(f"stage {number + 1}: {stage}", flush=True)
        train(model, tokenizer, stage, options.seed + number)
        save(model, tokenizer, options.out)
        for temperature in (0.0, 1.0):
            reached, complete = score(model, tokenizer, validation, temperature)
            print(
                f"  temperature {temperature:.0f}: nDCG {reached:.4f}, complete lists {complete:.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
