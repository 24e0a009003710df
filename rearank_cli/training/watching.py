"""What happens beside the updates: metrics kept, held-out lists ranked, the best model kept, collapse noticed."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState
from transformers.training_args import TrainingArguments

from rearank_cli.console import Showing, note
from rearank_cli.training.faults import WARNED_AFTER, NotFiniteError, check_gradients, no_signal
from rearank_cli.training.folder import METRICS, Row, append_row, mark_whole, read_rows
from rearank_cli.training.recipe import Recipe
from rearank_cli.training.validation import Heldout

# TRL's name of a metric, and ours.
_NAMES = {
    "reward": "reward",
    "rewards/rank/mean": "rank",
    "rewards/tags/mean": "tags",
    "rewards/answer/mean": "answer",
    "reward_std": "reward_std",
    "frac_reward_zero_std": "zero_std",
    "loss": "loss",
    "entropy": "entropy",
    "kl": "kl",
    "completions/mean_length": "length",
    "completions/clipped_ratio": "truncated",
    "clip_ratio/region_mean": "clipped",
    "cispo_clip_ratio": "clipped",
    "sampling/sampling_logp_difference/mean": "sampling_difference",
    "sampling/sampling_logp_difference/max": "sampling_difference_max",
    "sampling/importance_sampling_ratio/min": "sampling_ratio_min",
    "sampling/importance_sampling_ratio/mean": "sampling_ratio",
    "sampling/importance_sampling_ratio/max": "sampling_ratio_max",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "mean_token_accuracy": "token_accuracy",
}


@dataclass(slots=True)
class Progress:
    """How far a run is: held-out figures by step, the best of them, and why it was stopped early."""

    best: float | None = None
    best_step: int = 0
    best_format: float = 0.0
    stopped: str = ""
    seconds: float = 0.0
    """Spent on held-out lists."""
    measured: dict[int, Heldout] = field(default_factory=dict)

    def take(self, step: int, figures: Heldout) -> bool:
        """Note the figures of a step; return whether they are the best so far."""
        self.measured[step] = figures
        self.best_format = max(self.best_format, figures.format)
        if self.best is not None and figures.ndcg <= self.best:
            return False
        self.best, self.best_step = figures.ndcg, step
        return True


def collapse(recipe: Recipe, *, best_format: float, figures: Heldout | None, entropy: float | None) -> str:
    """Return what collapsed, in words, or "" where nothing did.

    >>> collapse(Recipe(), best_format=0.9, figures=Heldout(0.3, 0.1, 90.0), entropy=0.2)
    'format: 10% of held-out answers are in form, under min_format = 0.3'
    >>> collapse(Recipe(min_entropy=0.01), best_format=0.9, figures=None, entropy=0.001)
    'entropy: 0.001 nats a token, under min_entropy = 0.01'
    """
    if figures is not None and figures.format < recipe.min_format <= best_format:
        return f"format: {figures.format:.0%} of held-out answers are in form, under min_format = {recipe.min_format}"
    if entropy is not None and entropy < recipe.min_entropy:
        return f"entropy: {entropy:.3g} nats a token, under min_entropy = {recipe.min_entropy}"
    return ""


class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    """Called by the trainer between updates."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        progress: Progress,
        show: Showing,
        validate: Callable[[], Heldout] | None,
        keep: Callable[[], None],
    ) -> None:
        """`validate` ranks the held-out lists, None where there are none; `keep` saves the model as the best."""
        self._recipe = recipe
        self._folder = folder
        self.progress = progress
        self._show = show
        self._validate = validate
        self._keep = keep
        self._began = time.monotonic()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Measure the model that training starts from."""
        self._began = time.monotonic()
        if state.global_step == 0:
            self._measure(0, state)

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,  # noqa: ANN401 - transformers is untyped
        **_: object,
    ) -> None:
        """Look at the gradients, which may not spoil the weights."""
        check_gradients(model.parameters())

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Keep the metrics of a step."""
        if not logs or "loss" not in logs or not state.is_world_process_zero:
            return
        step = self._step(state)
        if not math.isfinite(logs["loss"]):
            raise NotFiniteError(f"the loss is not finite ({logs['loss']})")
        named: Row = {ours: _rounded(logs[theirs]) for theirs, ours in _NAMES.items() if theirs in logs}
        seconds = round(time.monotonic() - self._began - self.progress.seconds, 1)
        append_row(self._folder / METRICS, {"step": step, **named, "seconds": seconds})
        what = "reward" if "reward" in named else "loss"
        self._show(f"step {step} of {self._recipe.steps}, {what} {named[what]}, {seconds:.0f} s")
        if step == WARNED_AFTER < self._recipe.steps and (
            why := no_signal(read_rows(self._folder / METRICS), self._recipe)
        ):
            note(f"{step} steps have taught the model nothing: {why}")
        self._stop_where(
            collapse(self._recipe, best_format=0.0, figures=None, entropy=logs.get("entropy")), control
        )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Rank the held-out lists where it is time to."""
        step, rest = divmod(state.global_step, self._recipe.updates_per_step)
        if rest == 0 and (step % self._recipe.eval_every == 0 or step == self._recipe.steps):
            figures = self._measure(step, state)
            what = collapse(
                self._recipe, best_format=self.progress.best_format, figures=figures, entropy=None
            )
            self._stop_where(what, control)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Mark a checkpoint that was just written as whole."""
        if state.is_world_process_zero:
            mark_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    def _measure(self, step: int, state: TrainerState) -> Heldout | None:
        if self._validate is None:
            return None
        began = time.monotonic()
        figures = self._validate()
        if self.progress.take(step, figures):
            self._keep()
        self.progress.seconds += time.monotonic() - began
        if state.is_world_process_zero:
            row = {"nDCG@10": figures.ndcg, "format": figures.format, "heldout_length": figures.length}
            append_row(self._folder / METRICS, {"step": step, **{k: _rounded(v) for k, v in row.items()}})
            note(
                f"step {step}: held-out nDCG@10 {figures.ndcg:.4f}, in form {figures.format:.1%}, "
                f"{figures.length:.0f} tokens"
            )
        return figures

    def _step(self, state: TrainerState) -> int:
        return int(state.global_step) // self._recipe.updates_per_step

    def _stop_where(self, what: str, control: TrainerControl) -> None:
        if what and not self.progress.stopped:
            self.progress.stopped = what
            control.should_training_stop = True
            note(f"stopped, because something collapsed: {what}; the best model is kept")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)
