"""One OpenAI-compatible server: how it is asked, and what is taken from it."""

import asyncio
import json
import os
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import orjson

from rearank_cli.console import note
from rearank_cli.engines.chat_completions import asked_to_wait, messages, read_answer
from rearank_cli.engines.faults import Fault, Kind, of_status, redirected
from rearank_cli.engines.fields import adapted, sampling_fields, unsupported_field
from rearank_cli.errors import Unavailable, UsageError
from rearank_cli.records import Completion, Prompt, Sampling

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

_CONNECT = 10.0  # seconds
_NAMES_OF_SECRETS = ("key", "token", "secret", "pass", "pwd", "sig", "auth", "code")
_ABOUT_FIELDS = (400, 422, 500, 501)  # statuses under which servers refuse a field


class Server:
    """Asks one server; what a request needs is sent there and nowhere else.

    `dropped` names the fields that it turned out not to take.
    """

    def __init__(self, url: str, model: str, *, api_key: str | None, timeout: float) -> None:
        """Prepare to ask; nothing is sent yet. `timeout` bounds a whole request, in seconds.

        Raises:
            UsageError: the URL is none.
            Unavailable: the openai client is missing.
        """
        self.name = shown(url)
        self.client = _client(url, api_key, timeout)
        self.dropped: tuple[str, ...] = ()
        self._model = model
        self._timeout = timeout
        self._proxy = _proxy(url)
        self._secrets = _secrets(url, api_key)

    async def ask(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the answer to one prompt.

        Raises:
            Fault: there is none.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(prompt, sampling)
        except TimeoutError as error:
            raise Fault(f"no answer within {self._timeout:g} s", Kind.SLOW) from error
        except RecursionError as error:
            raise Fault("JSON that is nested too deep", Kind.ODD) from error
        except Fault as fault:
            fault.what = self._unkeyed(fault.what)
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()

    async def _ask(self, prompt: Prompt, sampling: Sampling) -> Completion:
        import openai

        started = time.monotonic()
        while True:
            fields = adapted(sampling_fields(sampling), self.dropped)
            body = {"model": self._model, "messages": messages(prompt), **fields}
            try:
                # Not chat.completions.create(): it walks every message, five times the CPU of this.
                answer = await self.client.post("/chat/completions", cast_to=object, body=body)
            except openai.APITimeoutError as error:
                raise Fault(f"no connection (timed out{self._proxy})", Kind.DOWN) from error
            except openai.APIConnectionError as error:
                raise Fault(f"no connection ({_cause(error)}{self._proxy})", Kind.DOWN) from error
            except openai.APIStatusError as error:
                self._adapt(error, fields)
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                raise Fault("bytes that are no JSON", Kind.ODD) from error
            else:
                return read_answer(answer, time.monotonic() - started, sampling, self._model)

    def _adapt(self, error: "APIStatusError", fields: dict[str, object]) -> None:
        """Drop the field that the server does not take; raise where that is not what it says."""
        status, headers = error.status_code, error.response.headers
        body = _decoded(self._unkeyed(error.response.text))
        field = unsupported_field(body, fields) if status in _ABOUT_FIELDS else None
        if field is None:
            if 300 <= status < 400:
                raise redirected(status, shown(headers.get("location", ""))) from error
            raise of_status(status, body, model=self._model, wait=asked_to_wait(headers)) from error
        if field not in self.dropped:
            self.dropped += (field,)
            note(f"{self.name}: the server does not take {field!r}; asked without it from here on")

    def _unkeyed(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text


def shown(url: str) -> str:
    """Return an address as it may be shown: without name, password and query.

    >>> shown("https://me:pw@host:8000/v1?key=abc")
    'https://host:8000/v1'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _client(url: str, api_key: str | None, timeout: float) -> "AsyncOpenAI":
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        # Not the URL itself: a password may stand where no host was found.
        raise UsageError(
            f"--base-url {shown(url)!r}: expected a URL such as http://localhost:8000/v1, found no "
            f"{'host' if parts.scheme in ('http', 'https') else 'http:// or https:// at its start'}"
        )
    try:
        import openai
    except ImportError as error:
        raise Unavailable(
            f"the endpoint engine needs the openai client ({error}); install it: pip install openai"
        ) from error
    limits = openai.Timeout(None, connect=min(_CONNECT, timeout / 2))
    client = openai.AsyncOpenAI(
        base_url=urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
        api_key=api_key or "none",
        max_retries=0,
        timeout=limits,
        default_query=dict(parse_qsl(parts.query)),
        http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False, timeout=limits),
    )
    # The client takes these from the environment, where they are meant for OpenAI and nobody else.
    client.organization = client.project = None
    return client


def _secrets(url: str, api_key: str | None) -> tuple[str, ...]:
    """Return what no message may show: the key, and what the URL holds of that kind."""
    parts = urlsplit(url)
    named = [value for name, value in parse_qsl(parts.query) if _is_secret(name)]
    found = [value for value in (api_key, parts.password, *named) if value]
    return tuple(dict.fromkeys(form for value in found for form in (value, quote(value, safe=""))))


def _is_secret(name: str) -> bool:
    return any(part in name.lower() for part in _NAMES_OF_SECRETS)


def _proxy(url: str) -> str:
    """Return the proxy through which the environment sends requests to a URL, in words."""
    parts = urlsplit(url)
    through = getproxies().get(parts.scheme) or getproxies().get("all")
    return f", through the proxy {shown(through)}" if through and not proxy_bypass(parts.netloc) else ""


def _decoded(text: str) -> object:
    try:
        decoded: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return decoded


def _cause(error: BaseException) -> str:
    """Return the innermost words of a connection error: the outer ones only say that there was one."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, BaseExceptionGroup):  # of the addresses that a name has
        error = error.exceptions[0]
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)
    return str(error)[:120] or type(error).__name__
