"""What a failed request says of its server: kinds of fault, and the server's own words in one line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

WORDS = 300
"""The longest reason, in characters."""

_KEY = "name the variable that holds a valid key with --api-key-env"
_PAY = "see what the account lacks, or name the variable of another key with --api-key-env"
_ADDRESS = "check --base-url, which mostly ends in /v1"
_LATER = (408, 409, 425, 429)  # beside 5xx
_PROMPT_TOO_LONG = re.compile(
    r"context.?(length|size|window|shift)|(prompt|input|request|message).{0,20}too.(long|large)|"
    r"(input|prompt|token).{0,40}exceeds?\b.{0,40}(maximum|limit|allowed)|tokens must be reduced",
    re.I,
)
_FILTERED = re.compile(
    r"content.?(filter|policy|management)|moderation|flagged|safety.?(filter|system|reason)|inappropriate|"
    r"sensitive|prohibited|data.?inspection|responsible.?ai|guardrail|敏感",
    re.I,
)
_NEVER_FITS = re.compile(r"request.{0,20}too.large|tokens must be reduced", re.I)  # in any minute's allowance
_UNPAID = re.compile(r"insufficient.?(quota|balance|credit)|billing", re.I)
_BAD_REQUEST = re.compile(r"invalid.?request|bad.?request|validation.?error|unsupported", re.I)
_RATE = re.compile(r"rate.?limit|overloaded|too.?many.?requests", re.I)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


class Kind(StrEnum):
    """What a fault says of the server, and so what to do about it."""

    DOWN = "down"
    """It cannot answer anybody now: unreachable, 429, 502 to 504."""
    SLOW = "slow"
    """It did not answer in time; to ask again may take as long again."""
    ODD = "odd"
    """It did not answer this request with anything of use: garbage, 500."""
    FOREIGN = "foreign"
    """It may be no such server at all: a web page instead of JSON."""
    DENIED = "denied"
    """It refuses whatever it is asked: a wrong key, no such model, a redirect."""
    REFUSED = "refused"
    """It will not take this request however often it is asked: 400 and its like."""


@dataclass(slots=True)
class Fault(Exception):  # noqa: N818 - most faults are mended by asking again, and are no errors
    """One attempt that failed: `what` in a few words, `wait` the seconds that the server asks for."""

    what: str
    kind: Kind
    wait: float = 0.0


def of_status(status: int, body: object, *, model: str, wait: float = 0.0) -> Fault:
    """Return the fault that an HTTP status (300 or more) and its body are.

    >>> of_status(400, {"error": {"message": "too long", "code": "context"}}, model="m").what
    'HTTP 400 (too long (context))'
    """
    said = words(body)
    shown = f"{status} ({said})" if said else f"{status}"
    what = f"HTTP {shown}"
    if status == 402 or (status == 429 and _UNPAID.search(said)):
        return Fault(f"the server refuses with {shown}; {_PAY}", Kind.DENIED)
    if status == 403 and _FILTERED.search(said):
        return Fault(what, Kind.REFUSED)
    if status in (401, 403):
        return Fault(f"the server refuses with {shown}; {_KEY}", Kind.DENIED)
    if status in (404, 405, 410):
        expected = f"expected an OpenAI-compatible server that has the model {model!r}, found {shown}"
        return Fault(f"{expected}; {_ADDRESS}, and --model", Kind.DENIED)
    if status in _LATER or status >= 500:
        if status == 429 and _NEVER_FITS.search(said):
            return Fault(what, Kind.REFUSED)
        if status >= 500 and (_PROMPT_TOO_LONG.search(said) or _FILTERED.search(said)):
            return Fault(what, Kind.REFUSED)
        return Fault(what, Kind.ODD if status == 500 else Kind.DOWN, wait)
    return Fault(what, Kind.REFUSED)


def redirected(status: int, target: str) -> Fault:
    """Return the fault of a server that sends requests elsewhere: prompts go where the user said, only."""
    return Fault(
        f"the server redirects with {status} to {target}, which is not followed; if prompts may go there, "
        "give that address to --base-url",
        Kind.DENIED,
    )


def of_body(error: object, *, model: str) -> Fault:
    """Return the fault that an error in place of an answer is, though the HTTP status says that all is well."""
    said = words(error)
    status = _status(error)
    if status is not None:
        return of_status(status, error, model=model)
    what = f"an error instead of an answer: {said}"
    signs = f"{said} {error.get('type')}" if isinstance(error, dict) else said
    if _RATE.search(signs):
        return Fault(what, Kind.DOWN)
    for_good = any(sign.search(signs) for sign in (_PROMPT_TOO_LONG, _FILTERED, _BAD_REQUEST))
    return Fault(what, Kind.REFUSED if for_good else Kind.ODD)


def foreign() -> Fault:
    """Return the fault of something that shows web pages."""
    return Fault(
        f"a web page instead of JSON: expected an OpenAI-compatible server; {_ADDRESS}", Kind.FOREIGN
    )


def _status(error: object) -> int | None:
    """Return the HTTP status that an error's body names.

    >>> _status({"code": "429"}), _status({"code": "content_filter", "status": 400}), _status("x")
    (429, 400, None)
    """
    found = [error.get(name) for name in ("code", "status", "status_code")] if isinstance(error, dict) else []
    for value in found:
        text = str(value)
        if re.fullmatch("[45][0-9]{2}", text):
            return int(text)
    return None


def words(body: object, most: int = WORDS) -> str:
    r"""Return what a server says in the body of an error, whatever its layout, as it may be shown.

    That is one line of at most `most` characters, without control characters.

    >>> words({"error": {"message": "cut\x1b[2J", "code": "content_filter"}}), words({"error": "loading"})
    ('cut [2J (content_filter)', 'loading')
    >>> words({"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]})
    'body.seed: Extra inputs are not permitted'
    >>> words("<html><title>502 Bad Gateway</title>")
    'a web page: 502 Bad Gateway'
    """
    shown = "".join(character if character.isprintable() else " " for character in _said(body))
    return " ".join(shown.split())[:most]


def _said(body: object) -> str:
    if not body:
        return ""
    match body:
        case str():
            return _page(body) if body.lstrip()[:1] == "<" else body
        case {"error": inner} | {"errors": inner} if inner:
            return _said(inner)
        case {"msg": str(message), "loc": [*place]}:
            return f"{'.'.join(map(str, place))}: {message}"
        case {"message": message, "detail": detail} | {"message": message, "metadata": {"raw": detail}} if (
            message and detail
        ):
            return f"{_said(message)}: {_said(detail)}"
        case {"message": inner} | {"detail": inner} | {"msg": inner} if inner:
            return _with_code(_said(inner), body) if isinstance(body, dict) else ""
        case [*parts]:
            return "; ".join(map(_said, parts))
        case _:
            return str(body)


def _with_code(said: str, body: Mapping[str, object]) -> str:
    """Add the code of an error, or else its type, if it says more than its message."""
    named = [str(name) for name in (body.get("code"), body.get("type")) if isinstance(name, str)]
    code = next((name for name in named if not name.isdigit() and not name.lower().endswith("error")), "")
    return said if code in said else f"{said} ({code})"


def _page(text: str) -> str:
    title = _TITLE.search(text)
    return f"a web page: {title[1].strip()}" if title else "a web page"
