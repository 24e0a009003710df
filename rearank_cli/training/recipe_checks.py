"""What the keys of a recipe may hold: kinds, choices, bounds."""

from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum

from rearank_cli.errors import RearankError

_LEAST: dict[str, float] = {
    "steps": 1, "prompts": 1, "rollouts": 2, "mini_batch": 1, "micro_batch": 1, "learning_rate": 0, "warmup": 0,
    "weight_decay": 0, "max_grad_norm": 0, "kl": 0, "clip": 0, "clip_high": 0, "temperature": 0.01,
    "prompt_tokens": 1, "answer_tokens": 1, "eval_share": 0, "eval_limit": 1, "eval_every": 1, "save_every": 1,
    "min_format": 0, "min_entropy": 0, "lora_rank": 0, "vllm_memory": 0.01, "top_p": 0.01, "delta": 1,
    "num_iterations": 1, "entropy_bonus": 0, "lora_alpha": 0, "vllm_correction_max": 1,
}  # fmt: skip
_MOST: dict[str, float] = {"top_p": 1, "eval_share": 0.9, "min_format": 1, "vllm_memory": 1}
_OR_NONE = ("clip_reward", "delta")  # numbers that may be "none"
_KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


def checked(
    key: str, value: object, known: Mapping[str, object], place: str, error: type[RearankError]
) -> object:
    """Return a value of a recipe in the type of its key; `known` holds the keys' defaults.

    Raises:
        RearankError: of the type `error`: an unknown key, or a value of the wrong kind or out of range; the
            message begins with `place`.
    """
    if key not in known:
        near = get_close_matches(key, known, n=1, cutoff=0)
        raise error(f"{place}: unknown key {key!r} in a recipe; did you mean {near[0]!r}?")
    if key in _OR_NONE:
        return None if value == "none" else _number(key, value, float, place, error)
    if key == "weights":
        return _weights(value, place, error)
    default = known[key]
    if isinstance(default, StrEnum):
        return _choice(key, value, type(default), place, error)
    return _number(key, value, type(default), place, error)


def _choice(key: str, value: object, kind: type[StrEnum], place: str, error: type[RearankError]) -> StrEnum:
    names = [str(choice) for choice in kind]
    if value not in names:
        raise error(f"{place}: {key}: expected one of {', '.join(names)}, found {value!r}")
    return kind(str(value))


def _number(key: str, value: object, kind: type, place: str, error: type[RearankError]) -> object:
    fits = isinstance(value, int | float) if kind is float else isinstance(value, kind)
    if not fits or isinstance(value, bool) != (kind is bool):
        raise error(f"{place}: {key}: expected {_KINDS[kind]}, found {value!r}")
    if isinstance(value, int | float) and not _LEAST.get(key, value) <= value <= _MOST.get(key, value):
        least, most = _LEAST.get(key), _MOST.get(key)
        wanted = f"{least} to {most}" if most is not None else f"{least} or more"
        raise error(f"{place}: {key}: expected {wanted}, found {value!r}")
    return kind(value)


def _weights(value: object, place: str, error: type[RearankError]) -> tuple[float, ...]:
    rows = list(value) if isinstance(value, list | tuple) else []
    if (
        len(rows) != 3
        or not all(isinstance(row, int | float) and not isinstance(row, bool) and row >= 0 for row in rows)
        or not any(rows)
    ):
        raise error(
            f"{place}: weights: expected three numbers of 0 or more, for ranking, tags and answer, not all 0, "
            f"found {value!r}"
        )
    return tuple(float(row) for row in rows)
