"""Which field a server refuses, by what servers have been seen to say."""

from typing import Any

import pytest

from rearank_cli.engines.fields import adapted, sampling_fields, unsupported_field
from rearank_cli.records import Sampling

SENT = tuple(sampling_fields(Sampling(64, 0.5, think=True, pattern="x")))


def extra(*place: str) -> dict[str, Any]:
    return {"type": "extra_forbidden", "loc": list(place), "msg": "Extra inputs are not permitted"}


@pytest.mark.parametrize(
    ("error", "field"),
    [
        # A proxy that gives no `param` (xalgorix#242).
        ({"message": "UnsupportedParamsError: the model does not support parameters: ['seed']"}, "seed"),
        ({"message": "use 'max_completion_tokens': 'max_tokens' is not supported here"}, "max_tokens"),
        ({"message": "max_tokens is deprecated, send max_completion_tokens"}, "max_tokens"),
        # An argument that an old server does not know (toponymy#148).
        ({"message": "got an unexpected keyword argument 'chat_template_kwargs'"}, "chat_template_kwargs"),
        ({"error": "unknown field `structured_outputs`, expected one of `model`, `n`"}, "structured_outputs"),
        ({"message": "Additional properties: ('seed' was unexpected)", "param": None}, "seed"),
        ("Invalid parameter: seed is not a known field", "seed"),
        ("unknown field `top_p` at line 1 column 5", "top_p"),
        # A strict gateway that names the place (OpenHands-CLI#83).
        ({"detail": [extra("body", "chat_template_kwargs")]}, "chat_template_kwargs"),
        ({"message": {"detail": [extra("body", "seed")]}, "param": None}, "seed"),
        ({"error": {"message": [extra("structured_outputs", "regex")]}}, "structured_outputs"),
        ({"detail": [extra("body", "other"), extra("body", "top_p")]}, "top_p"),
        # `param` and a use of a field that has one value only.
        (
            {"message": "Unsupported value: only the default", "param": "temperature", "code": "unsupported_value"},
            "temperature",
        ),
        ({"message": "invalid temperature: only 1 is allowed for this model"}, "temperature"),
        ({"message": "property is unsupported", "param": "body.chat_template_kwargs.enable_thinking"}, SENT[4]),
        ({"message": "chat_template is not supported for this tokenizer"}, "chat_template_kwargs"),
    ],
)  # fmt: skip
def test_a_field_that_a_server_does_not_take_is_found(error: object, field: str) -> None:
    assert unsupported_field(error, SENT) == field


@pytest.mark.parametrize(
    "error",
    [
        # `param` names the field whose value is refused (Step-Audio-R1#3, and vLLM's own checks).
        {"message": "max_tokens=8000 is above max_model_len=4096", "param": "max_tokens"},
        {"message": "max_tokens is too large: 8000, not allowed; at most 4096", "param": "max_tokens"},
        {"message": "temperature must be between 0 and 2", "param": "temperature"},
        {"message": "3 is not allowed as temperature: greater than the maximum of 2", "param": "temperature"},
        {"message": "temperature 2.0 is not supported; the limit is 1.0", "param": "temperature"},
        {"message": "unsupported temperature value 2.0 (max 1.0)", "param": "temperature"},
        {"message": "temperature: 2.0 is not allowed. Allowed values: 0 to 1", "param": "temperature"},
        {
            "message": "top_p=0.1 is not supported; choose 0.5 or 1",
            "param": "top_p",
            "code": "unsupported_value",
        },
        {"message": "Only values from 0 to 1 are allowed", "param": "temperature"},
        {"message": "max_tokens=8000 is not supported by this model", "param": "max_tokens"},
        {"message": "value not supported", "param": "seed", "code": "unsupported_value"},
        {
            "detail": [
                {"type": "less_than_equal", "loc": ["body", "temperature"], "msg": "should be less than"}
            ]
        },
        {"message": "the prompt is longer than the context"},
        {"message": "unknown model", "param": "model"},
        {"message": "bad", "param": ["stop"]},
        {"message": "bad", "param": {"a": 1}},
        {"error": None},
        [],
        None,
        7,
    ],
)
def test_a_value_that_is_refused_drops_no_field(error: object) -> None:
    assert unsupported_field(error, SENT) is None


def test_a_limit_on_tokens_is_renamed_once_and_never_dropped() -> None:
    fields = adapted(sampling_fields(Sampling(9)), ["max_tokens"])
    assert fields == {"max_completion_tokens": 9, "temperature": 0.0}
    error = {"message": "max_completion_tokens is not supported", "param": "max_completion_tokens"}
    assert unsupported_field(error, fields) is None
