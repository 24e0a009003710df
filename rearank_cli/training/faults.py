"""What makes a run worth nothing: numbers that are not finite, and rewards that tell no answer from another."""

from collections.abc import Iterable, Sequence
from statistics import mean
from typing import Any

from rearank_cli.training.folder import Row
from rearank_cli.training.recipe import Recipe

WARNED_AFTER = 3  # steps without signal
_NEARLY_ALL = 0.9  # share of the answers


class NotFiniteError(Exception):
    """A loss, a gradient or a model's output is infinite or not a number; the message says which."""


def check_gradients(parameters: Iterable[Any]) -> None:
    """Raise NotFiniteError if the gradients, just before an update, are not all finite."""
    import torch

    norm = torch.nn.utils.get_total_norm([each.grad for each in parameters if each.grad is not None])
    if not bool(torch.isfinite(norm)):
        raise NotFiniteError(f"the gradient is not finite ({float(norm)})")


def check_output(model: Any, ids: Sequence[int]) -> None:  # noqa: ANN401 - transformers is untyped
    """Raise NotFiniteError if a model's logits after the tokens `ids` are not all finite."""
    import torch

    with torch.no_grad():
        logits = model(input_ids=torch.tensor([list(ids)], device=model.device)).logits[:, -1]
    if not bool(torch.isfinite(logits).all()):
        raise NotFiniteError("the model's logits are not finite")


def no_signal(rows: Iterable[Row], recipe: Recipe) -> str:
    """Return why none of these steps could teach anything, and what to change; "" if one could.

    A group whose answers all earn the same has no advantages. `rows` are those of metrics.jsonl.

    >>> no_signal([{"zero_std": 1.0, "truncated": 1.0}], Recipe(answer_tokens=4))
    'every answer was cut off at answer_tokens = 4; raise it'
    >>> no_signal([{"zero_std": 1.0, "truncated": 1.0}, {"zero_std": 0.9}], Recipe())
    ''
    """
    seen = [row for row in rows if "zero_std" in row]
    if not seen or any(_share(row, "zero_std") < 1 for row in seen):
        return ""
    if _mean(seen, "truncated") >= _NEARLY_ALL:
        every = "every answer" if _mean(seen, "truncated") == 1 else "nearly every answer"
        return f"{every} was cut off at answer_tokens = {recipe.answer_tokens}; raise it"
    if _mean(seen, "answer") == 0:
        return "no answer was in the form that --prompt asks for; start by --method sft, or choose another prompt"
    return (
        f"the model answered each list {recipe.rollouts} times alike; raise temperature (now {recipe.temperature:g}) "
        "or rollouts, or train on lists that are harder"
    )


def _share(row: Row, name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _mean(rows: Sequence[Row], name: str) -> float:
    return mean(_share(row, name) for row in rows)
