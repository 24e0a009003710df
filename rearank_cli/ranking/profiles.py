"""How a model wants to be asked: its prompt, windows and budget.

Precedence: what the command line says, then the model folder's `rearank.json`, then the table of known
models (models.toml), then the defaults.
"""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from rearank_cli.errors import DataError, MissingInput, UsageError
from rearank_cli.places import cache_folder
from rearank_cli.ranking import prompts
from rearank_cli.ranking.prompts import Template

DEMO = "demo"
DEMO_MODEL = Path(__file__).parent.parent / "datasets" / "demo" / "model"
CARD = "rearank.json"
_KNOWN = Path(__file__).parent / "models.toml"
_CARD_KEYS = {"prompt", "window", "step", "max_tokens", "think"}


@dataclass(frozen=True, slots=True)
class Profile:
    """A model and how to ask it; `remark` is a sentence for stderr, or empty.

    `window` and `step` count passages. `think` is what the model's chat template is told, None for nothing.
    """

    model: str
    template: Template
    window: int
    step: int
    think: bool | None = None
    remark: str = ""


def profile(
    model: str | None,
    *,
    prompt: str | None = None,
    window: int | None = None,
    step: int | None = None,
    think: bool | None = None,
) -> Profile:
    """Return how to ask a model, given what the command line fixes (the rest is None).

    Without thinking, a model that would be asked for it gets the `rankgpt` prompt, as in the paper's
    table 4, and its chat template is told.

    `model` is a folder, a hub id, `demo` for the one that the package carries, or None for a replay.

    Raises:
        MissingInput: a path that is no folder, or a prompt file that is not there.
        UsageError: an unknown prompt, a window under 2, a step outside 1 to the window.
        DataError: `rearank.json` or the prompt is malformed.
    """
    found = _default("-") if model is None else _by_folder(model) or _by_name(model) or _default(model)
    if prompt is not None:
        found = replace(found, template=prompts.load(prompt), remark="")
    elif think is False and found.template.think:
        found = replace(found, template=prompts.load("rankgpt"), remark="")
    found = found if think is None else replace(found, think=think)
    size = window or found.window
    return replace(found, window=size, step=_step(size, step, found.step))


def _step(window: int, step: int | None, usual: int) -> int:
    if window < 2:
        raise UsageError(f"--window {window}: a window holds at least 2 passages")
    if step is None:
        return min(usual, max(1, window // 2))
    if not 1 <= step <= window:
        raise UsageError(
            f"--step {step}: expected 1 to {window}, the window; a wider step would leave passages out"
        )
    return step


def _by_folder(model: str) -> Profile | None:
    folder = DEMO_MODEL if model == DEMO else Path(model)
    if not folder.is_dir():
        if model.startswith((".", "/", "~")) or folder.exists():
            raise MissingInput(f"{model}: expected a model folder or a hub id, found no such folder")
        return None
    card = folder / CARD
    if not card.exists():
        return _default(str(folder))
    values = _read_card(card)
    name = values.get("prompt", "rearank")
    template = prompts.load(str(folder / name) if name.endswith(".toml") else name)
    template = replace(template, max_tokens=values.get("max_tokens", template.max_tokens))
    return Profile(
        str(folder), template, values.get("window", 20), values.get("step", 10), values.get("think")
    )


def _read_card(card: Path) -> dict[str, Any]:
    try:
        values = orjson.loads(card.read_bytes())
    except orjson.JSONDecodeError as error:
        raise DataError(f"{card}: expected JSON, found none that parses ({error})") from error
    if not isinstance(values, dict) or not set(values) <= _CARD_KEYS:
        raise DataError(f"{card}: expected an object with keys among {sorted(_CARD_KEYS)}, found {values!r}")
    return values


def _by_name(model: str) -> Profile | None:
    known = tomllib.loads(_KNOWN.read_text(encoding="utf-8")).get(model)
    if known is None:
        return None
    made = cache_folder() / "prompts" / f"{known['prompt']}.toml"
    template = prompts.load(str(made) if made.exists() else known["fallback"])
    template = replace(template, max_tokens=known.get("max_tokens", template.max_tokens))
    remark = (
        ""
        if made.exists()
        else (
            f"{model} is asked by its authors in words that are not on this machine: {known['wording']}; until then "
            f"the {known['fallback']!r} prompt is used, with which it may rank worse"
        )
    )
    return Profile(model, template, known["window"], known["step"], known.get("think"), remark)


def _default(model: str) -> Profile:
    remark = f"{model} is not in the table of known models: asked with the 'rearank' prompt (see --prompt)"
    return Profile(model, prompts.load("rearank"), 20, 10, None, remark)
