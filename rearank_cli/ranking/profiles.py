"""How a model wants to be asked: its prompt, windows and budget.

Precedence: what the command line says, then the model folder's `rearank.json`, then the table of known
models (models.toml), then the defaults.
"""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rearank_cli.errors import DataError, MissingInput, UsageError
from rearank_cli.places import cache_folder
from rearank_cli.ranking import prompts
from rearank_cli.ranking.prompts import Template

if TYPE_CHECKING:
    from rearank_cli.ranking.schemas import Card

DEMO = "demo"
DEMO_MODEL = Path(__file__).parent.parent / "datasets" / "demo" / "model"
CARD = "rearank.json"
_KNOWN = Path(__file__).parent / "models.toml"


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
    told = _read_card(card)
    template = _prompt_of(folder, told.prompt)
    template = replace(template, max_tokens=told.max_tokens or template.max_tokens)
    return Profile(str(folder), template, told.window, told.step, told.think)


def _read_card(card: Path) -> "Card":
    from rearank_cli.ranking.schemas import Card  # pydantic, which takes its time to load
    from rearank_cli.schema import checked, json_value, small_text

    try:
        values = json_value(small_text(card))
    except OSError as error:
        raise MissingInput(f"{card}: the model's card cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{card}: expected JSON, found none that parses ({error})") from error
    return checked(Card, values, str(card))


def _prompt_of(folder: Path, name: str) -> Template:
    if name.endswith(".toml"):
        return prompts.load(str(folder / name))
    if name not in prompts.built_in():
        known = ", ".join(prompts.built_in())
        raise DataError(f"{folder / CARD}: expected `prompt` to be {known} or a .toml file, found {name!r}")
    return prompts.load(name)


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
