"""What a recipe will cost, before an hour is spent: counts that are exact, memory that is a rule of thumb."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rearank_cli.training.recipe import Device, Method, Recipe

GIB = 1024**3
GROWING = 1.5  # of the cache of rollouts, measured; recipes/train/README.md
LIBRARIES = 0.85 * GIB  # torch, transformers and TRL in a process, measured


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides the memory of a model, in numbers: `cached` is what one token leaves in the KV cache."""

    parameters: int
    layers: int
    hidden: int
    cached: int


@dataclass(frozen=True, slots=True)
class Work:
    """What will be done. `prompt_tokens` and `answer_tokens` are sums over all steps; answers are at most so long."""

    steps: int
    updates: int
    prompts: int
    rollouts: int
    prompt_tokens: int
    answer_tokens: int


def work(recipe: Recipe, lengths: Sequence[int]) -> Work:
    """Return what a recipe does with prompts of these lengths, in tokens.

    >>> work(Recipe(steps=2), [100, 200]).rollouts
    8192
    """
    shown = recipe.steps * recipe.prompts
    each = recipe.rollouts if recipe.method is Method.GRPO else 1
    return Work(
        recipe.steps,
        recipe.steps * recipe.updates_per_step,
        shown,
        shown * each if recipe.method is Method.GRPO else 0,
        round(shown * each * statistics.mean(lengths)),
        shown * each * recipe.answer_tokens,
    )


def memory(recipe: Recipe, shape: Shape, longest: int, devices: int) -> dict[str, float]:
    """Return GiB by part for all devices together, weights on one copy (as FSDP or ZeRO-3 share it).

    Trained weights are held in 4 bytes with a 2-byte copy on a GPU, Adam takes 8 bytes a trained parameter;
    a LoRA trains 2 x rank x width in each of 7 matrices a layer, over 2-byte weights. Activations are those
    at the borders of layers, with checkpointing; without, 16 times as much. TRL makes logits in chunks, so
    that they do not count. The answers of one step are sampled together, unless vLLM does it in its own share;
    their cache counts half as much again, for the prompts' first pass and the copy that grows it. On a CPU the
    libraries of each process share its memory; what a GPU's driver and allocator take is left out.
    """
    wide = 4 if recipe.device is Device.CPU else 2
    trained = 14 * shape.layers * recipe.lora_rank * shape.hidden or shape.parameters
    frozen = shape.parameters if recipe.lora_rank else 0
    tokens = recipe.micro_batch * devices * (longest + recipe.answer_tokens)
    borders = tokens * shape.layers * shape.hidden * wide
    checkpointed = recipe.gradient_checkpointing and recipe.device is not Device.CPU
    sampled = recipe.prompts * recipe.rollouts * (longest + recipe.answer_tokens)
    parts: dict[str, float] = {
        "weights": trained * (4 if wide == 4 else 6) + frozen * wide,
        "gradients": trained * 4,
        "optimizer": trained * 8,
        "activations": borders * (1 if checkpointed else 16),
    }
    if recipe.method is Method.GRPO:
        # The reference model; with LoRA it is the model without its adapter.
        parts["reference"] = shape.parameters * 4 if recipe.kl and not recipe.lora_rank else 0
        parts["rollout cache"] = 0 if recipe.vllm else sampled * shape.cached * wide * GROWING
    if recipe.device is Device.CPU:
        parts["libraries"] = devices * LIBRARIES
    return {name: round(size / GIB, 3) for name, size in parts.items()}
