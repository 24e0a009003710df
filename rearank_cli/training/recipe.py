"""A training recipe: every number that decides what is learned, read from TOML, each key checked."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path

from rearank_cli.errors import DataError, MissingInput, RearankError, UsageError
from rearank_cli.training.recipe_checks import checked
from rearank_cli.training.rewards import FormatCheck, RewardForm, Rules


class Method(StrEnum):
    """How a model is trained."""

    GRPO = "grpo"
    SFT = "sft"


class LongPrompts(StrEnum):
    """What becomes of a list whose prompt is longer than `prompt_tokens`."""

    REFUSE = "refuse"
    DROP = "drop"


class Device(StrEnum):
    """Where it runs. `gpu` is refused on a machine without one; `auto` is a GPU if there is one, else the CPU."""

    AUTO = "auto"
    GPU = "gpu"
    CPU = "cpu"


class SaveDtype(StrEnum):
    """The numbers that the finished model is saved in; `auto`: those of the model that training started from."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Schedule(StrEnum):
    """How the learning rate goes on after its warm-up."""

    CONSTANT = "constant"
    LINEAR = "linear"
    COSINE = "cosine"


class Loss(StrEnum):
    """How ratios are bounded and token losses added up, by TRL's names.

    `grpo`: the paper's mean of sequence means, equation (3); `bnpo`: the mean over the tokens of a micro batch, as
    the released script; `cispo`, `sapo`, `luspo`, `vespo` bound the ratio in their own ways.
    """

    GRPO = "grpo"
    DAPO = "dapo"
    DR_GRPO = "dr_grpo"
    BNPO = "bnpo"
    CISPO = "cispo"
    SAPO = "sapo"
    LUSPO = "luspo"
    VESPO = "vespo"


class ScaleRewards(StrEnum):
    """What rewards are divided by: the deviation of their group or batch, or nothing; `auto` goes by the loss."""

    AUTO = "auto"
    GROUP = "group"
    BATCH = "batch"
    NONE = "none"


class VllmCorrection(StrEnum):
    """What becomes of answers that vLLM finds more likely, or less, than the trainer does: TRL's names."""

    NONE = "none"
    TOKEN_TRUNCATE = "token_truncate"
    TOKEN_MASK = "token_mask"
    SEQUENCE_TRUNCATE = "sequence_truncate"
    SEQUENCE_MASK = "sequence_mask"


class Importance(StrEnum):
    """Whether the ratio of new to old policy is one of a token or, as in GSPO, of a sequence."""

    TOKEN = "token"
    SEQUENCE = "sequence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The keys of a recipe; what is not given is the paper's, and `answer_tokens` the budget of the model's prompt.

    One step samples `rollouts` completions for each of `prompts` lists and learns from them in updates of
    `mini_batch` lists; `steps`, `eval_every` and `save_every` count these steps, `warmup` updates.
    `micro_batch` is how many completions (SFT: lists) a device takes at once. `prompt_tokens` and
    `answer_tokens` are limits. `clip_reward` is the least that the ranking can earn, None for no limit.
    `eval_share` is the share of queries held out, 0 to 1, of which `eval_limit` lists are ranked.
    Training stops where the held-out format rate falls under `min_format` after it was above, or the
    entropy (nats a token) under `min_entropy`. `lora_rank` 0 trains all weights; `lora_alpha` 0 is twice the
    rank, `lora_targets` are names of layers with commas between. Without `shuffle` lists are met in the order
    of their file, which may be a curriculum. `delta` bounds the ratio of new to old policy from above (the dual
    clip), `num_iterations` is how often a step learns from its samples, `entropy_bonus` what entropy adds to the
    objective (a nat a token); with `mask_truncated` an answer that was cut off teaches nothing.
    """

    method: Method = Method.GRPO
    steps: int = 120
    prompts: int = 128
    rollouts: int = 32
    mini_batch: int = 8
    micro_batch: int = 8
    learning_rate: float = 1e-6
    schedule: Schedule = Schedule.CONSTANT
    warmup: int = 0
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    kl: float = 0.01
    clip: float = 0.2
    clip_high: float = 0.2
    delta: float | None = None
    loss: Loss = Loss.GRPO
    scale_rewards: ScaleRewards = ScaleRewards.AUTO
    num_iterations: int = 1
    mask_truncated: bool = False
    entropy_bonus: float = 0.0
    importance: Importance = Importance.TOKEN
    temperature: float = 1.0
    top_p: float = 1.0
    prompt_tokens: int = 3072
    answer_tokens: int = 2048
    long_prompts: LongPrompts = LongPrompts.REFUSE
    shuffle: bool = True
    reward: RewardForm = RewardForm.RELATIVE
    clip_reward: float | None = -1.0
    weights: tuple[float, float, float] = (0.8, 0.1, 0.1)
    format_check: FormatCheck = FormatCheck.STRICT
    eval_share: float = 0.05
    eval_limit: int = 64
    eval_every: int = 20
    save_every: int = 20
    min_format: float = 0.3
    min_entropy: float = 0.0
    device: Device = Device.AUTO
    gradient_checkpointing: bool = True
    lora_rank: int = 0
    lora_alpha: int = 0
    lora_targets: str = "all-linear"
    save_dtype: SaveDtype = SaveDtype.AUTO
    vllm: bool = False
    vllm_memory: float = 0.3
    vllm_correction: VllmCorrection = VllmCorrection.SEQUENCE_MASK
    vllm_correction_max: float = 3.0
    seed: int = 0

    @property
    def updates_per_step(self) -> int:
        """How many updates of the weights one step makes."""
        again = self.num_iterations if self.method is Method.GRPO else 1
        return self.prompts // self.mini_batch * again

    def rules(self, *, think: bool) -> Rules:
        """Return what is paid for, where the prompt asks for reasoning (`think`) or not."""
        return Rules(self.reward, self.format_check, self.clip_reward, self.weights, think)


def load_recipe(path: str, usual: Recipe | None = None) -> Recipe:
    """Read a TOML file over the defaults, those of `usual` if it is given.

    Raises:
        MissingInput: no such file.
        DataError: not TOML, an unknown key, or a value of the wrong kind or out of range.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInput(f"{path}: the recipe cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a recipe as TOML, found none that parses ({error})") from error
    return with_values(usual or Recipe(), values, path, DataError)


def with_setting(recipe: Recipe, setting: str) -> Recipe:
    """Return a recipe changed by `key=value` of the command line; a bare word is a string.

    Raises:
        UsageError: no such key, or not such a value.

    >>> with_setting(with_setting(Recipe(), "kl=0"), "loss=dapo").loss
    <Loss.DAPO: 'dapo'>
    """
    key, equals, text = setting.partition("=")
    if not equals:
        raise UsageError(f"--set {setting}: expected KEY=VALUE, as in --set learning_rate=2e-6")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    return with_values(recipe, {key.strip().replace("-", "_"): value}, "--set", UsageError)


def with_values(
    recipe: Recipe, values: Mapping[str, object], place: str, error: type[RearankError]
) -> Recipe:
    """Return a recipe with some keys changed; `place` begins each message.

    Raises:
        RearankError: of the type `error`: an unknown key, or a value of the wrong kind or out of range.
    """
    known = {field.name: field.default for field in fields(Recipe)}
    found = {key: checked(key, value, known, place, error) for key, value in values.items()}
    return replace(recipe, **found)  # type: ignore[arg-type]  # each value was checked against its key


def to_toml(recipe: Recipe) -> str:
    """Return the recipe as TOML, every key written out."""
    return "".join(f"{key} = {_literal(value)}\n" for key, value in asdict(recipe).items())


def _literal(value: object) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return str(list(value)) if isinstance(value, tuple) else str(value)


def changed_keys(one: Recipe, other: Recipe) -> list[str]:
    """Return the keys in which two recipes differ.

    >>> changed_keys(Recipe(), Recipe(kl=0.0, seed=1))
    ['kl', 'seed']
    """
    return [key for key, value in asdict(one).items() if asdict(other)[key] != value]
