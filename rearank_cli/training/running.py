"""How a run goes, from the first update to a finished folder."""

import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

import orjson

from rearank_cli.console import note
from rearank_cli.engines.installation import first_line
from rearank_cli.errors import Unavailable, UsageError
from rearank_cli.formats.streams import open_sink
from rearank_cli.training import curves, folder
from rearank_cli.training.card import model_card
from rearank_cli.training.faults import NotFiniteError, check_output, no_signal
from rearank_cli.training.job import Job
from rearank_cli.training.recipe import Method, SaveDtype
from rearank_cli.training.serving import cast_weights, write_card

BEST = "best.json"


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run came to: steps made, and held-out nDCG@10 of the model kept, None without held-out lists.

    `fault` is a sentence on why nothing was learnt, or not to the end; "" if all went well.
    """

    steps: int
    ndcg: float | None
    fault: str = ""


def run(job: Job) -> Finished:
    """Train, keep the best model, and leave a folder that `rerank` uses as it is.

    Raises:
        Unavailable: the device's memory does not suffice.
        UsageError: the model has no layers of the names in `lora_targets`.
        RearankError: what the method needs is not there.
    """
    import torch

    from rearank_cli.training.grpo import grpo_trainer
    from rearank_cli.training.sft import sft_trainer

    with _quiet_stdout():
        try:
            trainer = grpo_trainer(job) if job.recipe.method is Method.GRPO else sft_trainer(job)
        except ValueError as error:
            if job.recipe.lora_rank and "target modules" in str(error).lower():
                raise UsageError(
                    f"lora_targets = {job.recipe.lora_targets}: {job.profile.model} has no such layers "
                    f"({first_line(error)}); the usual all-linear fits any model"
                ) from error
            raise
        watch = watched(job, trainer)
        broken = ""
        try:
            trainer.train(resume_from_checkpoint=str(job.resume_from) if job.resume_from else None)
        except NotFiniteError as error:
            broken = str(error)
        except torch.OutOfMemoryError as error:
            raise Unavailable(
                f"the memory of this device does not suffice ({first_line(error)}); lower micro_batch or "
                "answer_tokens, or train a LoRA (lora_rank)"
            ) from error
        steps = int(trainer.state.global_step) // job.recipe.updates_per_step
        if watch.progress.best is None:
            broken = _keep_the_last(job, trainer, steps, broken)
        kept = job.best.exists()
        if trainer.is_world_process_zero() and kept:
            _finish(job)
    return Finished(steps, watch.progress.best, _fault(job, steps, broken, kept=kept))


def _keep_the_last(job: Job, trainer: Any, steps: int, broken: str) -> str:  # noqa: ANN401 - TRL is untyped
    """Keep, without held-out lists, the model as it is, unless it is broken; return what is not finite, or ""."""
    from trl.models.utils import unwrap_model_for_generation

    try:
        with unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model:
            check_output(model, job.split.train[0].ids)
    except NotFiniteError as error:
        return broken or str(error)
    keep(job, trainer, steps, None)
    return broken


def _fault(job: Job, steps: int, broken: str, *, kept: bool) -> str:
    if broken:
        model = "the best model before it is kept" if kept else "no model is kept"
        return (
            f"{job.folder}: training stopped after {steps} of {job.recipe.steps} steps: {broken}; {model}. "
            f"Lower learning_rate (now {job.recipe.learning_rate:g}) or max_grad_norm"
        )
    why = no_signal(folder.read_rows(job.folder / folder.METRICS), job.recipe)
    return f"{job.folder}: nothing was learnt in {steps} steps: {why}" if why else ""


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """stdout is for one line of data; what libraries print goes to stderr, their bars nowhere."""
    from datasets import disable_progress_bars
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    disable_progress_bars()
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def watched(job: Job, trainer: Any) -> Any:  # noqa: ANN401 - transformers and TRL are untyped
    """Return what watches the trainer, which from now on prints nothing itself."""
    from transformers import PrinterCallback

    from rearank_cli.training.validation import Heldout, measured, written_greedily
    from rearank_cli.training.watching import Progress, Watch

    recipe, heldout = job.recipe, job.split.heldout

    def validate() -> Heldout:
        from trl.models.utils import unwrap_model_for_generation

        with unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model:
            check_output(model, heldout[0].ids)
            written = list(written_greedily(model, trainer.processing_class, heldout, recipe.answer_tokens))
        return measured(written, heldout, recipe.rules(think=job.profile.template.think))

    progress = Progress()
    if job.resume_from is not None and (job.best / BEST).exists():
        before = orjson.loads((job.best / BEST).read_bytes())
        progress.best, progress.best_step = before["ndcg"], before["step"]
        rows = folder.read_rows(job.folder / folder.METRICS)
        progress.best_format = max((value for _, value in curves.series(rows, "format")), default=0.0)
    watch = Watch(
        recipe, job.folder, progress, job.show, validate if heldout else None,
        lambda: keep(job, trainer, progress.best_step, progress.best),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(watch)
    return watch


def keep(job: Job, trainer: Any, step: int, ndcg: float | None) -> None:  # noqa: ANN401 - TRL is untyped
    """Save the model as it is now as the best one, whole or not at all."""
    beside = job.folder / "best.writing"
    trainer.save_model(str(beside))
    if trainer.is_world_process_zero():
        write_card(beside, job.profile, job.recipe.answer_tokens, job.longest)
        with open_sink(str(beside / BEST)) as sink:
            sink.write(orjson.dumps({"step": step, "ndcg": ndcg}))
        folder.take_place(beside, job.best)


def _finish(job: Job) -> None:
    """Bring the best model to the top of the folder, with its curves and its card."""
    rows = folder.read_rows(job.folder / folder.METRICS)
    best = orjson.loads((job.best / BEST).read_bytes())
    (job.best / BEST).unlink()
    if job.recipe.lora_rank:
        _merge(job)
    if dtype := _saved_dtype(job):
        cast_weights(job.best, dtype)
    folder.publish(job.best, job.folder)
    with open_sink(str(job.folder / "README.md")) as sink:
        sink.write(model_card(job.recipe, job.profile.model, job.data, best["step"], best["ndcg"]).encode())
    curves.draw(rows, job.folder / folder.CURVES)
    for line in curves.table(rows).splitlines():
        note(line)


def _saved_dtype(job: Job) -> str:
    """Return torch's name of the type that the weights are to be saved in, "" if they are to stay as they are."""
    from transformers import AutoConfig

    def named(model: str) -> str:
        return str(AutoConfig.from_pretrained(model).dtype or "").removeprefix("torch.")

    asked = job.recipe.save_dtype
    wanted = named(job.profile.model) if asked is SaveDtype.AUTO else str(asked)
    return "" if wanted == named(str(job.best)) else wanted


def _merge(job: Job) -> None:
    """Add a LoRA to the weights, so that the folder is a model like any other; keep the adapter beside it."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter = job.folder / "adapter"
    adapter.mkdir(exist_ok=True)
    base = AutoModelForCausalLM.from_pretrained(job.profile.model, dtype="auto")
    merged = PeftModel.from_pretrained(base, str(job.best)).merge_and_unload()
    for path in job.best.glob("adapter_*"):
        shutil.move(path, adapter / path.name)
    merged.save_pretrained(job.best)
