"""The fields of a request that say how to decode, and which of them a server does not take."""

import re
from collections.abc import Collection, Iterator
from typing import Any, TypeAlias

from rearank_cli.engines.faults import words
from rearank_cli.engines.protocol import Sampling

Body: TypeAlias = dict[str, Any]

LIMITS = ("max_tokens", "max_completion_tokens")
"""The names of the limit on tokens: renamed, never dropped."""

_READ = 10_000  # characters of a message in which a field is looked for
_ALSO_CALLED = {
    "chat_template": "chat_template_kwargs",
    "enable_thinking": "chat_template_kwargs",
    "structured_output": "structured_outputs",
}
_UNSUPPORTED = re.compile(
    r"unsupported|not (be |yet |currently )?(supported|recogni[sz]ed|permitted|allowed|accepted|available|"
    r"implemented|compatible)|n't (support|accept|allow|take)|not (support|accept|allow|take|know)\b|"
    r"unrecogni[sz]ed|unknown|unexpected|\bextra(_forbidden|neous)?\b|takes? no\b|no such|deprecated|no longer|"
    r"not (a )?(valid|known) (field|parameter|argument|property)|can(no|')t be (set|used|specified)\b(?! to)",
    re.IGNORECASE,
)
_ONLY_DEFAULT = re.compile(
    r"\bdefault\b|only\b.{0,40}\b(allowed|supported|taken|accepted|permitted)",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"must be|should be|between|at most|at least|(less|greater|larger|higher|lower|smaller)[ _]than|"
    r"maximum|minimum|exceed|range|too (large|small|high|low|long)|above|below|limit is|"
    r"allowed values|choose from|\bfrom\b.{0,12}\bto\b|[<>]=|[≤≥]",
    re.IGNORECASE,
)
_HAVE_ONE_DEFAULT = ("temperature", "top_p")


def sampling_fields(sampling: Sampling) -> Body:
    """Return the fields of a request that say how to decode; greedy needs neither top_p nor seed.

    No stop string is among them: a server looks for it in the reasoning too.

    >>> sampling_fields(Sampling(64))
    {'max_tokens': 64, 'temperature': 0.0}
    """
    fields: Body = {"max_tokens": sampling.max_tokens, "temperature": sampling.temperature}
    if sampling.temperature > 0:
        fields |= {"top_p": sampling.top_p, "seed": sampling.seed}
    if sampling.think is not None:
        fields["chat_template_kwargs"] = {"enable_thinking": sampling.think}
    if sampling.pattern is not None:
        # Servers ignore the old guided_regex silently.
        fields["structured_outputs"] = {"regex": sampling.pattern}
    return fields


def adapted(fields: Body, refused: Collection[str]) -> Body:
    """Return the fields without those that a server does not take; max_tokens has a newer name.

    >>> adapted({"max_tokens": 64, "temperature": 0.0}, ["max_tokens"])
    {'temperature': 0.0, 'max_completion_tokens': 64}
    """
    kept = {name: value for name, value in fields.items() if name not in refused}
    if "max_tokens" in refused:
        kept["max_completion_tokens"] = fields["max_tokens"]
    return kept


def unsupported_field(error: object, sent: Collection[str]) -> str | None:
    """Return the field among those sent that an error's body says the server does not take, if one.

    A field of which the value is refused is none: that is for the user to mend. Nor is a limit on tokens
    that has no other name left.

    >>> unsupported_field({"message": "temperature 9 must be at most 2", "param": "temperature"}, ["temperature"])
    >>> unsupported_field({"detail": [{"loc": ["body", "seed"], "type": "extra_forbidden"}]}, ["seed"])
    'seed'
    """
    for place, said in _complaints(error):
        field = _named(place, sent) or _quoted(said, sent) or _named(said, sent)
        if field is not None and field != LIMITS[-1] and _is_unsupported(field, said):
            return field
    return None


def _is_unsupported(field: str, said: str) -> bool:
    if _BOUND.search(said):
        return False
    if field in _HAVE_ONE_DEFAULT and _ONLY_DEFAULT.search(said):
        return True
    of_value = "unsupported_value" in said or re.search(rf"{field}\W{{0,4}}(?:value\W{{1,3}})?[0-9]", said)
    return not of_value and bool(_UNSUPPORTED.search(said))


def _complaints(error: object) -> Iterator[tuple[str, str]]:
    """Yield, for each complaint of an error's body, the place that it names, "" if none, and its words."""
    match error:
        case {"error": {} | [*_] as inner} | {"message": {} | [*_] as inner} | {"detail": {} | [*_] as inner}:
            yield from _complaints(inner)
        case {"loc": [*place], **more}:
            yield " ".join(map(str, place)), f"{words(error, _READ)} {more.get('type')}"
        case {"param": str(place), **more}:
            yield place, f"{words(error, _READ)} {more.get('code')} {more.get('type')}"
        case [*parts]:
            for part in parts:
                yield from _complaints(part)
        case _:
            yield "", words(error, _READ)


def _named(text: str, sent: Collection[str]) -> str | None:
    """Return the first word of a text that is a field that was sent.

    >>> _named("body.chat_template_kwargs.enable_thinking", ["seed", "chat_template_kwargs"])
    'chat_template_kwargs'
    """
    for word in re.findall(r"\w+", text):
        field = _ALSO_CALLED.get(word, word)
        if field in sent:
            return str(field)
    return None


def _quoted(text: str, sent: Collection[str]) -> str | None:
    marked = re.findall(r"""["'`\[](\w+)["'`\]]""", text)
    return _named(" ".join(marked), sent)
