"""What makes a run worth nothing, told from its metrics and its gradients."""

import math

import pytest

from rearank_cli.training.faults import NotFiniteError, check_gradients, no_signal
from rearank_cli.training.folder import Row
from rearank_cli.training.recipe import Recipe

FLAT: Row = {"zero_std": 1.0, "truncated": 0.0, "answer": 0.0}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"truncated": 1.0}, "every answer was cut off at answer_tokens = 2048; raise it"),
        ({"truncated": 0.95}, "nearly every answer was cut off"),
        ({}, "no answer was in the form that --prompt asks for; start by --method sft"),
        ({"answer": 0.5}, "answered each list 32 times alike; raise temperature (now 1) or rollouts"),
    ],
)
def test_the_likely_cause_of_equal_rewards_is_named(changed: Row, words: str) -> None:
    assert words in no_signal([{**FLAT, **changed}] * 3, Recipe())


@pytest.mark.parametrize(
    "rows", [[], [{"step": 0, "nDCG@10": 0.5}], [FLAT, {**FLAT, "zero_std": 0.5}], [{"loss": 1.0}]]
)
def test_one_step_that_could_teach_is_enough(rows: list[Row]) -> None:
    assert no_signal(rows, Recipe()) == ""


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_is_found_in_any_parameter(value: float) -> None:
    torch = pytest.importorskip("torch")
    weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(3)]
    weights[0].grad = torch.ones(2)
    check_gradients(weights)
    weights[2].grad = torch.tensor([1.0, value])
    with pytest.raises(NotFiniteError, match="the gradient is not finite"):
        check_gradients(weights)
