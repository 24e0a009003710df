"""What one training run needs, and whether this machine can run it."""

from dataclasses import dataclass, replace
from pathlib import Path

from rearank_cli.console import Showing
from rearank_cli.engines.installation import first_line, why
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.errors import DataError, MissingInput, Unavailable, UsageError
from rearank_cli.ranking.profiles import Profile
from rearank_cli.training.examples import Split
from rearank_cli.training.recipe import Device, Recipe

INSTALL = "pip install 'rearank[train]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run that has been checked. `longest` is that of all lists, in passages; `devices` are processes."""

    recipe: Recipe
    profile: Profile
    tokenizer: ChatTokenizer
    split: Split
    folder: Path
    longest: int
    devices: int
    resume_from: Path | None
    data: str
    show: Showing

    @property
    def checkpoints(self) -> Path:
        """Where the trainer keeps what it can go on from."""
        return self.folder / "checkpoints"

    @property
    def best(self) -> Path:
        """Where the best model is kept."""
        return self.folder / "best"


def check_installation() -> None:
    """Raise Unavailable where the extra `train` is missing, before anything else takes time."""
    try:
        import accelerate  # noqa: F401
        import datasets  # noqa: F401
        import matplotlib  # noqa: F401
        import peft  # noqa: F401
        import trl  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        raise Unavailable(f"training needs libraries that cannot be used: {why(error, INSTALL)}") from error


def with_device(recipe: Recipe) -> tuple[Recipe, str]:
    """Return the recipe with its device chosen, if it was `auto`, and a sentence on the choice, or ""."""
    if recipe.device is not Device.AUTO:
        return recipe, ""
    try:
        import torch

        found = torch.cuda.is_available()
    except (ImportError, OSError, RuntimeError):
        found = False
    if found:
        return replace(recipe, device=Device.GPU), ""
    return replace(recipe, device=Device.CPU), "torch sees no GPU: training on the CPU"


def check_device(recipe: Recipe, devices: int) -> None:
    """Refuse a recipe that this machine cannot run.

    Raises:
        Unavailable: no GPU for a recipe that wants one.
        UsageError: vLLM without a GPU, or several GPUs for one process.
    """
    import torch

    if recipe.device is Device.CPU:
        if recipe.vllm:
            raise UsageError(
                "vllm = true needs a GPU, but training is to run on the CPU (device, or no GPU found); set vllm = false"
            )
        return
    if not torch.cuda.is_available():
        raise Unavailable(
            'the recipe wants a GPU (device = "gpu"), and torch sees none here; for a small model use a recipe for '
            "a CPU, such as recipes/train/demo.toml, or say --set device=cpu"
        )
    if devices == 1 and torch.cuda.device_count() > 1:
        raise UsageError(
            f"{torch.cuda.device_count()} GPUs are visible to one process; start one process for each by "
            "accelerate launch -m rearank_cli train ..., or choose one with CUDA_VISIBLE_DEVICES=0"
        )


def check_no_adapter(model: str) -> None:
    """Refuse the folder of a LoRA adapter, which is no model, and say what to name instead.

    Raises:
        MissingInput: it is one.
    """
    folder = Path(model)
    if not (folder / "adapter_config.json").is_file() or (folder / "config.json").exists():
        return
    merged = folder.resolve().parent
    if (merged / "config.json").is_file() and any(merged.glob("*.safetensors")):
        cure = f"name the model that it is merged into, {Path(model).parent}"
    else:
        cure = "merge it into its model first (peft: merge_and_unload), or train a LoRA of that model anew"
    raise MissingInput(
        f"{model}: expected a model to train, found a LoRA adapter; {cure} (rerank takes an adapter by --adapter)"
    )


def check_model(model: str) -> None:
    """Refuse, before a folder is made for it, a model that cannot be loaded.

    Raises:
        MissingInput: no configuration or no weights there.
        DataError: a configuration that transformers does not know.
    """
    from transformers import AutoConfig

    folder = Path(model)
    for what, found in (("config.json", "config.json"), ("weights (*.safetensors)", "*.safetensors")):
        if folder.is_dir() and not any(folder.glob(found)):
            raise MissingInput(f"{model}: expected {what} in the folder of a model, found none")
    try:
        AutoConfig.from_pretrained(model)
    except OSError as error:
        raise MissingInput(
            f"{model}: no model could be loaded ({first_line(error)}); expected a folder or a hub id in reach"
        ) from error
    except (ValueError, KeyError) as error:
        raise DataError(f"{model}: expected a causal language model ({first_line(error)})") from error
