"""From a recipe to what TRL is configured with: the one place where their names meet.

TRL counts completions (SFT: lists). `per_device_train_batch_size` of them go through a device at once,
`gradient_accumulation_steps` such make an update, `steps_per_generation` such are sampled together.
"""

from dataclasses import dataclass
from pathlib import Path

from rearank_cli.errors import UsageError
from rearank_cli.training.recipe import (
    Device,
    Importance,
    Loss,
    Method,
    Recipe,
    ScaleRewards,
    Schedule,
    VllmCorrection,
)

Arguments = dict[str, object]

_CLIPPED = (Loss.GRPO, Loss.BNPO, Loss.DR_GRPO, Loss.DAPO, Loss.LUSPO)  # what `clip` and `delta` act on
_SCHEDULES = {
    Schedule.CONSTANT: "constant_with_warmup",
    Schedule.LINEAR: "linear",
    Schedule.COSINE: "cosine",
}


@dataclass(frozen=True, slots=True)
class Batches:
    """How a step is cut: items at once a device, those in an update, those in a step, and updates in all."""

    micro: int
    an_update: int
    a_step: int
    updates: int


def batches(recipe: Recipe, devices: int, *, rollouts: int) -> Batches:
    """Return how a step is cut for a number of devices; `rollouts` is 1 for SFT.

    Raises:
        UsageError: a step cannot be cut into whole updates, or these into whole micro batches.

    >>> batches(Recipe(), 8, rollouts=32)
    Batches(micro=8, an_update=4, a_step=64, updates=1920)
    """
    if recipe.prompts % recipe.mini_batch:
        raise UsageError(
            f"prompts = {recipe.prompts}: expected a multiple of mini_batch ({recipe.mini_batch}), since a step is "
            "learned from in whole updates"
        )
    update = recipe.mini_batch * rollouts
    micro = min(recipe.micro_batch, max(1, update // devices))
    if update % (micro * devices):
        raise UsageError(
            f"micro_batch = {micro}: expected a divisor of {update} / {devices}: an update is mini_batch x rollouts = "
            f"{recipe.mini_batch} x {rollouts} completions on {devices} devices"
        )
    an_update = update // (micro * devices)
    a_step = an_update * (recipe.prompts // recipe.mini_batch)
    return Batches(micro, an_update, a_step, recipe.steps * recipe.updates_per_step)


def check_keys(recipe: Recipe) -> None:
    """Refuse keys that contradict each other.

    Raises:
        UsageError: they do.
    """
    if recipe.method is Method.SFT:
        return
    if recipe.delta is not None and recipe.delta <= 1 + recipe.clip_high:
        raise UsageError(
            f"delta = {recipe.delta:g}: expected more than 1 + clip_high ({1 + recipe.clip_high:g}), or it would undo "
            "that clip; the released script has 3.0"
        )
    if recipe.delta is not None and recipe.loss not in _CLIPPED:
        raise UsageError(f"delta = {recipe.delta:g}: loss = {recipe.loss} does not use it; leave it out")
    if recipe.loss is Loss.CISPO and recipe.clip_high < 1:
        raise UsageError(
            f"clip_high = {recipe.clip_high:g}: with loss = cispo it is the most that the ratio itself may be; "
            "expected 1 or more, as in clip_high = 5"
        )
    wanted = {Loss.LUSPO: Importance.SEQUENCE, Loss.VESPO: Importance.TOKEN}.get(
        recipe.loss, recipe.importance
    )
    if recipe.importance is not wanted:
        raise UsageError(
            f"importance = {recipe.importance}: loss = {recipe.loss} is made for importance = {wanted}"
        )
    if recipe.vllm and recipe.loss is Loss.VESPO and recipe.vllm_correction.startswith("sequence"):
        raise UsageError(
            f"vllm_correction = {recipe.vllm_correction}: loss = vespo wants none, token_truncate or token_mask"
        )


def grpo_arguments(recipe: Recipe, folder: Path, devices: int) -> Arguments:
    """Return the keywords of GRPOConfig for a recipe."""
    cut = batches(recipe, devices, rollouts=recipe.rollouts)
    return {
        **_common(recipe, folder, cut),
        "shuffle_dataset": recipe.shuffle,
        "steps_per_generation": cut.a_step,
        "num_generations": recipe.rollouts,
        "max_completion_length": recipe.answer_tokens,
        "temperature": recipe.temperature,
        "top_p": recipe.top_p,
        "beta": recipe.kl,
        # TRL's own default changes the gradient of the KL term; the paper's is the plain k3 estimate.
        "use_bias_correction_kl": False,
        "epsilon": recipe.clip,
        "epsilon_high": recipe.clip_high,
        "loss_type": recipe.loss.value,
        "importance_sampling_level": recipe.importance.value,
        "delta": recipe.delta,
        "num_iterations": recipe.num_iterations,
        "mask_truncated_completions": recipe.mask_truncated,
        "entropy_coef": recipe.entropy_bonus,
        "scale_rewards": _scaling(recipe),
        "reward_weights": list(recipe.weights),
        "use_vllm": recipe.vllm,
        "vllm_mode": "colocate",
        "vllm_enable_sleep_mode": recipe.vllm,
        "vllm_gpu_memory_utilization": recipe.vllm_memory,
        "vllm_max_model_length": recipe.prompt_tokens + recipe.answer_tokens,
        "vllm_importance_sampling_correction": recipe.vllm_correction is not VllmCorrection.NONE,
        "vllm_importance_sampling_clip_max": recipe.vllm_correction_max,
        **(
            {}
            if recipe.vllm_correction is VllmCorrection.NONE
            else {"vllm_importance_sampling_mode": recipe.vllm_correction.value}
        ),
        # Logits that are not finite are noticed by the loss; drawing from them would end in a traceback.
        "generation_kwargs": None if recipe.vllm else {"remove_invalid_values": True},
    }


def _scaling(recipe: Recipe) -> str:
    if recipe.scale_rewards is not ScaleRewards.AUTO:
        return recipe.scale_rewards.value
    return "none" if recipe.loss is Loss.DR_GRPO else "group"


def sft_arguments(recipe: Recipe, folder: Path, devices: int) -> Arguments:
    """Return the keywords of SFTConfig for a recipe."""
    cut = batches(recipe, devices, rollouts=1)
    return {
        **_common(recipe, folder, cut),
        "completion_only_loss": True,
        "train_sampling_strategy": "random" if recipe.shuffle else "sequential",
        "max_length": recipe.prompt_tokens + recipe.answer_tokens,
    }


def _common(recipe: Recipe, folder: Path, cut: Batches) -> Arguments:
    on_cpu = recipe.device is Device.CPU
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": cut.micro,
        "gradient_accumulation_steps": cut.an_update,
        "max_steps": cut.updates,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": _SCHEDULES[recipe.schedule],
        "warmup_steps": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "logging_steps": recipe.updates_per_step,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": recipe.save_every * recipe.updates_per_step,
        # The one before the last is kept: the last may be torn where the process is killed while it is written.
        "save_total_limit": 2,
        "seed": recipe.seed,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": on_cpu,
        "bf16": not on_cpu,
        "gradient_checkpointing": recipe.gradient_checkpointing and not on_cpu,
        "dataloader_pin_memory": not on_cpu,
        # Trained weights are kept in 4 bytes: a step of 1e-6 is lost in bfloat16. A LoRA's base is not trained.
        "model_init_kwargs": {"dtype": "bfloat16" if recipe.lora_rank and not on_cpu else "float32"},
    }
