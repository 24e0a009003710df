"""`rearank train`: graded lists in, a model folder out."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import orjson

from rearank_cli.commands import train_options as options
from rearank_cli.commands.options import Log, Prompt, Quiet
from rearank_cli.console import LogFormat, configure, note, progress
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.errors import DataError, UsageError
from rearank_cli.formats.lists import GradedList, read_lists
from rearank_cli.formats.overlaps import check_overlaps
from rearank_cli.formats.provenance import clean_argument
from rearank_cli.formats.streams import open_sink, open_source
from rearank_cli.ranking.profiles import profile
from rearank_cli.training import folder
from rearank_cli.training.arguments import batches, check_keys
from rearank_cli.training.demonstrations import with_trace, within_answer_tokens
from rearank_cli.training.examples import Split, examples, split
from rearank_cli.training.job import (
    Job,
    check_device,
    check_installation,
    check_model,
    check_no_adapter,
    with_device,
)
from rearank_cli.training.planning import check_memory, estimated, plan
from rearank_cli.training.recipe import Method, Recipe, load_recipe, with_setting, with_values
from rearank_cli.training.running import run
from rearank_cli.training.tokenizing import check_tokenizer


def train(
    lists: options.Lists = "-",
    *,
    model: options.Model,
    output: options.Folder,
    recipe: options.RecipeFile = "",
    settings: options.Settings = None,
    method: options.MethodName = None,
    steps: options.Steps = None,
    learning_rate: options.LearningRate = None,
    loss: options.LossName = None,
    reward: options.Reward = None,
    weights: options.Weights = None,
    clip_reward: options.ClipReward = None,
    format_check: options.Check = None,
    lora_rank: options.LoraRank = None,
    seed: options.Seed = None,
    prompt: Prompt = None,
    eval_lists: options.EvalLists = "",
    from_trace: options.FromTrace = "",
    resume: options.Resume = False,
    dry_run: options.DryRun = False,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
) -> None:
    """Train a reranker on graded lists, by GRPO or by imitation.

    GRPO's reward is how much better the model ranks a list than it was.

    \b
    Example: rearank train lists.jsonl --model demo --recipe recipes/train/demo.toml -o out
    """
    configure(quiet=quiet, log_format=log_format)
    flags = {
        "method": method, "steps": steps, "learning_rate": learning_rate, "loss": loss, "reward": reward,
        "weights": None if weights is None else _numbers(weights),
        "clip_reward": None if clip_reward is None else _number_or_none(clip_reward),
        "format_check": format_check, "lora_rank": lora_rank, "seed": seed,
    }  # fmt: skip
    inputs = [
        ("the lists", lists),
        ("--eval-lists", eval_lists),
        ("--from-trace", from_trace),
        ("--recipe", recipe),
    ]
    place = Path(output)
    kept = [(f"{name} of -o", str(place / name)) for name in folder.WRITTEN]
    check_overlaps(read=inputs, written=[("-o", output), *kept, ("stdout", "-")])
    if not dry_run:
        folder.check_folder(place, resume=resume)
    how = profile(model, prompt=prompt)
    check_no_adapter(how.model)
    asked = _recipe(recipe, flags, settings or [], how.template.max_tokens)
    wanted, remark = with_device(asked)
    check_keys(wanted)
    devices = int(os.environ.get("WORLD_SIZE", "1"))  # set by accelerate launch and torchrun
    batches(wanted, devices, rollouts=wanted.rollouts if wanted.method is Method.GRPO else 1)
    if from_trace and wanted.method is not Method.SFT:
        raise UsageError("--from-trace is for --method sft: GRPO writes its own answers")
    graded, data = _read(lists)
    held, eval_data = _read(eval_lists) if eval_lists else ([], "")
    if not dry_run:  # what follows takes seconds to load
        check_installation()
        check_device(wanted, devices)
    for sentence in (how.remark, remark):
        if sentence:
            note(sentence)
    tokenizer = ChatTokenizer(how.model)
    found, heldout = (examples(rows, how.template, tokenizer) for rows in (graded, held))
    check_tokenizer(tokenizer, found)
    parts = split(found, heldout, wanted, lists)
    if from_trace:
        best = with_trace(parts.train, from_trace, wanted.rules(think=how.template.think))
        parts, data = replace(parts, train=tuple(best)), f"{data}+{_hash(from_trace)}"
    if wanted.method is Method.SFT:
        parts = _imitable(parts, tokenizer, wanted, think=how.template.think)
    _note_split(parts)
    if dry_run:
        _print(plan(wanted, how.model, [*found, *heldout], parts, devices))
        return
    check_model(how.model)
    needed = estimated(wanted, how.model, max(len(example.ids) for example in parts.train), devices)
    check_memory(wanted, needed, devices, chosen=asked.device is not wanted.device)
    folder.open_folder(place, wanted, folder.Run(clean_argument(model), data, eval_data), resume=resume)
    with progress() as show:
        longest = max(len(example.worth.grades) for example in parts.train)
        job = Job(
            recipe=wanted, profile=how, tokenizer=tokenizer, split=parts, folder=place, longest=longest,
            devices=devices, resume_from=_whole(place, wanted) if resume else None, data=data, show=show,
        )  # fmt: skip
        finished = run(job)
    if int(os.environ.get("RANK", "0")) == 0:
        fault = {"fault": finished.fault} if finished.fault else {}
        _print({"checkpoint": output, "steps": finished.steps, "nDCG@10": finished.ndcg, **fault})
    if finished.fault:
        raise DataError(finished.fault)


def _recipe(path: str, flags: Mapping[str, object], settings: list[str], budget: int) -> Recipe:
    """Return the recipe of the file, overridden by --set, overridden by the flags; `budget`: usual `answer_tokens`."""
    usual = Recipe(answer_tokens=budget)
    found = load_recipe(path, usual) if path else usual
    for setting in settings:
        found = with_setting(found, setting)
    given = {key: value for key, value in flags.items() if value is not None}
    return with_values(found, given, "command line", UsageError)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--weights {text}: expected three numbers, as in 0.8,0.1,0.1") from error


def _number_or_none(text: str) -> float | str:
    try:
        return "none" if text == "none" else float(text)
    except ValueError as error:
        raise UsageError(f"--clip-reward {text}: expected a number, or none") from error


def _read(path: str) -> tuple[list[GradedList], str]:
    """Return the lists of a file and the hash of its bytes."""
    with open_source(path) as source:
        return list(read_lists(source)), source.sha256


def _hash(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _imitable(parts: Split, tokenizer: ChatTokenizer, recipe: Recipe, *, think: bool) -> Split:
    """Return the split without the lists whose demonstration does not fit, and how many these are."""
    kept = within_answer_tokens(parts.train, tokenizer, recipe.answer_tokens, think=think)
    return replace(parts, train=tuple(kept), long_demonstrations=len(parts.train) - len(kept))


def _note_split(parts: Split) -> None:
    left_out = f"{parts.long} too long, {parts.without_signal} without signal"
    if parts.long_demonstrations:
        left_out += f", {parts.long_demonstrations} with a demonstration longer than answer_tokens"
    note(f"lists: {len(parts.train)} to train on, {len(parts.heldout)} held out; left out: {left_out}")
    if not parts.heldout:
        note("no list is held out: the model kept is that of the last step")


def _whole(place: Path, recipe: Recipe) -> Path | None:
    """Return the checkpoint to go on from, and cut the journals to it."""
    checkpoint, torn = folder.newest_whole(place)
    for sentence in torn:
        note(sentence)
    if checkpoint is None:
        note("no whole checkpoint: starting from the first step")
        folder.cut_journals(place, -1)
        return None
    step = int(checkpoint.name.rpartition("-")[2]) // recipe.updates_per_step
    note(f"going on from {checkpoint.name}, step {step}")
    folder.cut_journals(place, step)
    return checkpoint


def _print(row: dict[str, object]) -> None:
    with open_sink("-") as sink:
        sink.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
