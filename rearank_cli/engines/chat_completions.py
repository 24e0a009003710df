"""What goes to an OpenAI-compatible server and what comes back, without the sending."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, TypeAlias

import orjson

from rearank_cli.engines.protocol import Sampling
from rearank_cli.reasoning import ANSWER_END as STOP
from rearank_cli.records import Completion, Prompt

Body: TypeAlias = dict[str, Any]
_OPEN = "<answer>"


class Kind(StrEnum):
    """What a fault says of the server, and so what to do about it."""

    DOWN = "down"
    """It cannot answer anybody now: unreachable, 429, 5xx."""
    SLOW = "slow"
    """It did not answer in time; to ask again may take as long again."""
    ODD = "odd"
    """It did not answer this request with anything of use: garbage, no text."""
    FOREIGN = "foreign"
    """It may be no such server at all: a web page instead of JSON."""
    REFUSED = "refused"
    """It will not take this request however often it is asked: 400 and its like."""


@dataclass(slots=True)
class Fault(Exception):  # noqa: N818 - most faults are mended by asking again, and are no errors
    """One attempt that failed: `what` in a few words, `wait` the seconds that the server asks for."""

    what: str
    kind: Kind
    wait: float = 0.0


def sampling_fields(sampling: Sampling) -> Body:
    """Return the fields of a request that say how to decode; greedy needs neither top_p nor seed.

    >>> sampling_fields(Sampling(64))
    {'max_tokens': 64, 'temperature': 0.0, 'stop': ['</answer>']}
    """
    fields: Body = {"max_tokens": sampling.max_tokens, "temperature": sampling.temperature, "stop": [STOP]}
    if sampling.temperature > 0:
        fields |= {"top_p": sampling.top_p, "seed": sampling.seed}
    if sampling.think is not None:
        fields["chat_template_kwargs"] = {"enable_thinking": sampling.think}
    if sampling.pattern is not None:
        fields["structured_outputs"] = {
            "regex": sampling.pattern
        }  # servers ignore the old guided_regex silently
    return fields


def adapted(fields: Body, refused: Sequence[str]) -> Body:
    """Return the fields without those that a server refuses; max_tokens has a newer name.

    >>> adapted({"max_tokens": 64, "temperature": 0.0}, ["max_tokens"])
    {'temperature': 0.0, 'max_completion_tokens': 64}
    """
    kept = {name: value for name, value in fields.items() if name not in refused}
    if "max_tokens" in refused and "max_completion_tokens" not in refused:
        kept["max_completion_tokens"] = fields["max_tokens"]
    return kept


def messages(prompt: Prompt) -> list[dict[str, str]]:
    """Return the chat turns as a request has them."""
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def read_answer(answer: object, seconds: float) -> Completion:
    """Return the completion in a server's answer, JSON decoded, or its text where it was not JSON.

    Raises:
        Fault: there is no text in it.
    """
    body = _decoded(answer) if isinstance(answer, str) else answer
    match body:
        case {"choices": [{"message": {} as message} as choice, *_]}:
            text, reason = _text(message), choice.get("finish_reason")
        case {"error": error}:
            raise Fault(f"an error instead of an answer: {_short(error)}", Kind.ODD)
        case _:
            raise Fault(f"expected a chat completion, found {_short(body)}", Kind.ODD)
    if not text.strip():
        raise Fault("an answer without any text", Kind.ODD)
    if reason != "length" and text.rfind(_OPEN) > text.rfind(STOP):
        text += STOP  # servers take the stop string off
    return Completion(
        text,
        finish="length" if reason == "length" else "stop",
        prompt_tokens=_count(body, "prompt_tokens"),
        output_tokens=_count(body, "completion_tokens"),
        seconds=seconds,
    )


def _decoded(text: str) -> object:
    """Decode JSON that a server sent under another content type."""
    if text.lstrip()[:1] == "<":
        raise Fault("a web page instead of JSON", Kind.FOREIGN)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Fault(f"bytes that are no JSON: {text[:40]!r}", Kind.ODD) from error


def _text(message: Mapping[str, Any]) -> str:
    """Join reasoning, which some servers return by itself, and content."""
    content = _string(message.get("content"))
    reasoning = _string(message.get("reasoning_content")) or _string(message.get("reasoning"))
    if not reasoning:
        return content
    return f"<think>\n{reasoning}\n</think>\n{content}" if content else f"<think>\n{reasoning}"


def _string(value: object) -> str:
    r"""Return a text with halves of characters, which JSON can escape and no file can hold, marked as `?`.

    >>> _string("cut \ud83d"), _string(None)
    ('cut ?', '')
    """
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(body: object, name: str) -> int:
    """Return a count of the answer's `usage`, 0 where the server gives none."""
    usage = body.get("usage") if isinstance(body, dict) else None
    number = usage.get(name) if isinstance(usage, dict) else None
    return number if isinstance(number, int) else 0


def _short(value: object) -> str:
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        value = value["message"]
    return repr(value)[:120]


def asked_to_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds that Retry-After asks for, 0 where it does not or is malformed.

    >>> asked_to_wait({"retry-after": "7"}), asked_to_wait({"retry-after": "soon"}), asked_to_wait({})
    (7.0, 0.0, 0.0)
    """
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
