"""What `--dry-run` says: the recipe counted out for these lists and this model."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rearank_cli.console import note
from rearank_cli.engines.room import cache_bytes, free_memory
from rearank_cli.errors import Unavailable
from rearank_cli.training.estimate import GIB, Shape, memory, work
from rearank_cli.training.examples import Example, Split
from rearank_cli.training.recipe import Device, Recipe


def plan(
    recipe: Recipe, model: str, found: Sequence[Example], parts: Split, devices: int
) -> dict[str, object]:
    """Return, and say on stderr, what training would do; no weights are loaded."""
    lengths = [len(example.ids) for example in parts.train]
    todo = work(recipe, lengths)
    within = sum(len(example.ids) <= recipe.prompt_tokens for example in found)
    note(f"steps {todo.steps}, updates {todo.updates}, prompts {todo.prompts}, rollouts {todo.rollouts}")
    note(
        f"tokens: {todo.prompt_tokens} of prompts, at most {todo.answer_tokens} of answers; "
        f"{within} of {len(found)} prompts within {recipe.prompt_tokens} (longest {max(len(e.ids) for e in found)})"
    )
    epochs = todo.prompts / len(lengths)
    note(f"each of the {len(lengths)} lists is met {epochs:.2f} times")
    gib = estimated(recipe, model, max(lengths), devices)
    if gib is None:
        note(f"memory: not estimated, since {model} holds no config.json")
    else:
        listed = ", ".join(f"{name} {size}" for name, size in gib.items())
        note(f"memory in GiB over all devices (an estimate): {listed}; sum {sum(gib.values()):.3f}")
    return {
        "method": recipe.method,
        **asdict(todo),
        "lists": {
            "train": len(parts.train),
            "heldout": len(parts.heldout),
            "within": within,
            "all": len(found),
        },
        "memory_gib": gib,
    }


def estimated(recipe: Recipe, model: str, longest: int, devices: int) -> dict[str, float] | None:
    """Return the memory in GiB by part, None if the model's shape is not known; `longest` is a prompt, in tokens."""
    shape = model_shape(model)
    return memory(recipe, shape, longest, devices) if shape else None


def check_memory(recipe: Recipe, gib: dict[str, float] | None, devices: int, *, chosen: bool) -> None:
    """Refuse a run that its estimate says cannot be; only say so if the recipe names the device (not `chosen`).

    Raises:
        Unavailable: the estimate is more than what is free on the device that `auto` chose.
    """
    free = _free(recipe, devices)
    needed = sum((gib or {}).values())
    if free is None or needed <= free / GIB:
        return
    where = "the CPU" if recipe.device is Device.CPU else f"{devices} GPU" + "s" * (devices > 1)
    said = f"training needs about {needed:.1f} GiB by the estimate, and {where} has {free / GIB:.1f} GiB free"
    cure = "lower prompts, rollouts, micro_batch or answer_tokens, or train a LoRA (lora_rank)"
    if not chosen:
        note(f"{said}; if it runs out of memory, {cure}")
        return
    raise Unavailable(
        f"{said}; {cure}; or name the device (--set device={recipe.device}) to try it all the same"
    )


def _free(recipe: Recipe, devices: int) -> int | None:
    if recipe.device is Device.CPU:
        return free_memory()
    import torch

    return int(torch.cuda.mem_get_info()[0]) * devices if torch.cuda.is_available() else None


def model_shape(model: str) -> Shape | None:
    """Return the shape of a model folder without loading its weights, None where there is no config.json."""
    if not (Path(model) / "config.json").is_file():
        return None
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(model)
    with torch.device("meta"):
        parameters = sum(weight.numel() for weight in AutoModelForCausalLM.from_config(config).parameters())
    text = config.get_text_config()
    cached = cache_bytes(text.to_dict(), width=1) or 0
    return Shape(parameters, int(text.num_hidden_layers), int(text.hidden_size), cached)
