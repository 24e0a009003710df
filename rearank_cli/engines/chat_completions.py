"""What goes to an OpenAI-compatible server and what comes back, without the sending."""

import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from rearank_cli.engines.faults import Fault, Kind, foreign, of_body, words
from rearank_cli.reasoning import ANSWER, ANSWER_END, as_quotation, outside_reasoning, until_answer
from rearank_cli.records import Completion, Finish, Prompt, Sampling

_ENDS = ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete")
_FILTERS = re.compile(
    "filter|refus|safety|prohibited|blocklist|guardrail|sensitive|moderat|recitation|spii", re.IGNORECASE
)
_BLOCKED = re.compile(r"['\"]filtered['\"]: true|block_?reason", re.IGNORECASE)
_THINKING = re.compile("think|reason", re.IGNORECASE)
_LISTED = re.compile(r"(?:[0-9]+[.)]\s+)?\[[0-9]+\]|[>,;.=\s]")
_LETTERS = re.compile(r"[^\W_]+")
_EPOCH = 1e9  # a Retry-After beyond 30 years is a date
_LONGEST_NAME = 200  # of a model, in characters
_CHARACTERS_A_TOKEN = 12
_FEWEST_TOKENS = 64
_COUNTED_SHARE = 0.9


def messages(prompt: Prompt) -> list[dict[str, str]]:
    """Return the chat turns as a request has them."""
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def read_answer(answer: object, seconds: float, sampling: Sampling, model: str = "") -> Completion:
    """Return the completion in a server's answer.

    It ends with the first answer outside the reasoning, whatever the server wrote after that; one without
    any text is an empty completion.

    Raises:
        Fault: there is no completion in it, or the server refuses to give one.
    """
    match answer:
        case {"choices": [{"message": {} as message} as choice, *_]}:
            ended = str(choice.get("finish_reason") or "stop").lower()
            _refuse_error(choice, ended, model)
        case {"error": error} if error:
            raise of_body(error, model=model)
        case {"object": "error"}:
            raise of_body(answer, model=model)
        case {"choices": _}:
            found = repr(answer)
            blocked = bool(_BLOCKED.search(found))
            raise Fault(f"no completion in {found[:120]}", Kind.REFUSED if blocked else Kind.ODD)
        case {"message": str()}:
            raise of_body(answer, model=model)
        case _:
            raise Fault(f"expected a chat completion, found {repr(answer)[:120]}", Kind.ODD)
    content, reasoning, refusal = _parts(message)
    # Reasoning that comes apart ends where it ends: a mark that it quotes closes nothing.
    content, whole = until_answer(content)
    finish: Finish = "stop" if whole or ended in _ENDS else "length"
    if not whole and (_FILTERS.search(ended) or (refusal and not content.strip())):
        raise Fault(refusal or f"finish_reason {ended}", Kind.REFUSED)
    return Completion(
        _joined(content, reasoning, finish, sampling),
        finish=finish,
        prompt_tokens=_count(answer, "prompt_tokens"),
        output_tokens=_count(answer, "completion_tokens"),
        seconds=seconds,
        model=_model(answer),
    )


def _refuse_error(choice: Mapping[str, Any], ended: str, model: str) -> None:
    error = choice.get("error")
    if error:
        raise of_body(error, model=model)
    if ended == "error":
        raise Fault("finish_reason error", Kind.ODD)


def decoded(text: str | bytes) -> object:
    """Return the JSON that a server sent, whatever it calls it.

    Raises:
        Fault: it is none.
    """
    if text.lstrip()[:1] in ("<", b"<"):
        raise foreign()
    try:
        found: object = json.loads(text)  # orjson refuses halves of characters
    except ValueError as error:
        raise Fault(f"bytes that are no JSON: {text[:40]!r}", Kind.ODD) from error
    return found


def _parts(message: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the content, the reasoning and the refusal of a message, "" for what it lacks."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    kinds = [_kind(part) for part in parts]
    fields = (
        message.get(name) for name in ("reasoning_content", "reasoning", "thinking", "reasoning_details")
    )
    apart = next((text for text in map(_text, fields) if text), "")
    within, refused = (
        "".join(_text(part) for part, kind in zip(parts, kinds, strict=True) if kind == wanted)
        for wanted in ("reasoning", "refusal")
    )
    said = "".join(_text(part) for part, kind in zip(parts, kinds, strict=True) if kind == "text")
    return said, apart + within, _text(message.get("refusal")) or refused


def _kind(part: object) -> str:
    kind = str(part.get("type")) if isinstance(part, dict) else ""
    return "reasoning" if _THINKING.search(kind) else "refusal" if kind == "refusal" else "text"


def _text(value: object) -> str:
    r"""Return the text of a part of a message, however deep it lies, without halves of characters.

    JSON can escape such a half, and no file can hold it.

    >>> _text("cut \ud83d"), _text(None), _text([{"type": "text", "text": "a"}, "b"])
    ('cut ?', '', 'ab')
    """
    return "".join(_strings(value)).encode("utf-8", "replace").decode()


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case [*parts]:
            for part in parts:
                yield from _strings(part)
        case (
            {"text": inner} | {"thinking": inner} | {"reasoning": inner} | {"refusal": inner}
            | {"summary": inner} | {"content": inner} | {"value": inner}
        ):  # fmt: skip
            yield from _strings(inner)


def _joined(content: str, reasoning: str, finish: Finish, sampling: Sampling) -> str:
    """Return reasoning and content as one text.

    Reasoning without content has not ended, unless it is the answer itself, put in the wrong place.
    """
    if not reasoning:
        return content
    if not content.strip() and finish == "stop" and _is_answer(reasoning, sampling):
        return reasoning
    thought = as_quotation(reasoning)
    return f"<think>\n{thought}\n</think>\n{content}" if content.strip() else f"<think>\n{thought}"


def _is_answer(reasoning: str, sampling: Sampling) -> bool:
    if sampling.think is False:
        return True
    tagged = ANSWER in reasoning and reasoning.rstrip().endswith(ANSWER_END)
    return tagged or ("[" in reasoning and not _LISTED.sub("", reasoning))


def _count(body: object, name: str) -> int:
    """Return a count of the answer's `usage`, 0 if the server gives none."""
    usage = body.get("usage") if isinstance(body, dict) else None
    number = usage.get(name) if isinstance(usage, dict) else None
    return number if isinstance(number, int) else 0


def _model(body: object) -> str:
    """Return what the server calls its model, "" if it does not say."""
    name = body.get("model") if isinstance(body, dict) else None
    return words(name, _LONGEST_NAME) if isinstance(name, str) else ""


def prompt_was_cut(prompt: Prompt, counted: int) -> int:
    """Return how many tokens of a prompt the server should have read, if it `counted` far fewer; else 0.

    A prompt that was counted by its tokenizer has lost something if the server read less than 90 % of it.
    Else a token stands for 12 letters and digits at most, which no language comes near: 4 or 5 are usual,
    fewer in Chinese. Servers that report fewer than 64 tokens count something else.
    """
    if prompt.ids:
        return len(prompt.ids) if 0 < counted < _COUNTED_SHARE * len(prompt.ids) else 0
    sent = sum(len(message.content) for message in prompt.messages)
    if counted < _FEWEST_TOKENS or sent <= _CHARACTERS_A_TOKEN * counted:
        return 0
    letters = sum(len(word) for message in prompt.messages for word in _LETTERS.findall(message.content))
    least = letters // _CHARACTERS_A_TOKEN
    return least if least > counted else 0


def keeps_to(pattern: str, completion: Completion) -> bool:
    r"""Return whether a completion matches its pattern, as far as can be told: one that was cut off may.

    >>> keeps_to(r"\[1\]", Completion("<think>\nso\n</think>\n[1]")), keeps_to(r"\[1\]", Completion("So: [1]"))
    (True, False)
    """
    whole = completion.text.strip()
    parts = (whole, outside_reasoning(whole)[0].strip())
    return completion.finish != "stop" or any(re.fullmatch(pattern, part) for part in parts)


def asked_to_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds that Retry-After asks for, 0 if it does not or is malformed.

    >>> asked_to_wait({"retry-after": "7"}), asked_to_wait({"retry-after": "soon"}), asked_to_wait({})
    (7.0, 0.0, 0.0)
    """
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        if not math.isfinite(seconds):
            return 0.0
        return max(0.0, seconds - time.time() if seconds > _EPOCH else seconds)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
