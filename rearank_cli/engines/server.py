"""One OpenAI-compatible server: how it is asked, and what is taken from it.

The openai client lends its HTTP client, with the proxies, limits and keep-alives that suit such servers. Its
methods above that are left alone: they take as much CPU again as a request does, follow redirects, and send
headers from the environment to whatever server is asked.
"""

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import orjson

from rearank_cli import __version__
from rearank_cli.console import note
from rearank_cli.engines.chat_completions import asked_to_wait, decoded, messages, read_answer
from rearank_cli.engines.faults import Fault, Kind, of_status, redirected
from rearank_cli.engines.fields import Body, adapted, sampling_fields, unsupported_field
from rearank_cli.errors import Unavailable, UsageError
from rearank_cli.records import Completion, Prompt, Sampling
from rearank_cli.redaction import is_url, shown_url

if TYPE_CHECKING:
    from openai import DefaultAsyncHttpxClient

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
        if not is_url(url):
            raise UsageError(
                f"--base-url {shown_url(url)!r}: expected a URL such as http://localhost:8000/v1"
            )
        self.name = shown_url(url).partition("?")[0]
        self.http, self._timeouts, self._failures = _http_client(timeout)
        self.dropped: tuple[str, ...] = ()
        self._url = _chat_completions(url)
        self._headers = {"Content-Type": "application/json", "User-Agent": f"rearank/{__version__}"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
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
        await self.http.aclose()

    async def _ask(self, prompt: Prompt, sampling: Sampling) -> Completion:
        started = time.monotonic()
        while True:
            fields = adapted(sampling_fields(sampling), self.dropped)
            body = orjson.dumps({"model": self._model, "messages": messages(prompt), **fields})
            try:
                response = await self.http.post(self._url, content=body, headers=self._headers)
            except self._timeouts as error:
                raise Fault(f"no connection (timed out{self._proxy})", Kind.DOWN) from error
            except self._failures as error:
                raise Fault(f"no connection ({_cause(error)}{self._proxy})", Kind.DOWN) from error
            if response.is_success:
                return read_answer(
                    decoded(response.content), time.monotonic() - started, sampling, self._model
                )
            if response.is_redirect:
                raise redirected(response.status_code, shown_url(response.headers["location"]))
            wait = asked_to_wait(response.headers)
            self._adapt(response.status_code, self._unkeyed(response.text), fields, wait)

    def _adapt(self, status: int, text: str, fields: Body, wait: float) -> None:
        """Drop the field that the server does not take; raise if that is not what it says."""
        try:
            body = decoded(text)
        except Fault:
            body = text
        field = unsupported_field(body, fields) if status in _ABOUT_FIELDS else None
        if field is None:
            raise of_status(status, body, model=self._model, wait=wait)
        if field not in self.dropped:
            self.dropped += (field,)
            note(f"{self.name}: the server does not take {field!r}; asked without it from here on")

    def _unkeyed(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text


def _chat_completions(url: str) -> str:
    """Return where completions are asked for; what follows a `?` stays at the end.

    >>> _chat_completions("http://host/v1/?api-version=1")
    'http://host/v1/chat/completions?api-version=1'
    """
    parts = urlsplit(url)
    path = f"{parts.path.rstrip('/')}/chat/completions"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _http_client(
    timeout: float,
) -> tuple["DefaultAsyncHttpxClient", type[Exception], type[Exception]]:
    """Return an HTTP client, what it raises when it waited too long, and what for all other failures."""
    try:
        import openai
    except ImportError as error:
        raise Unavailable(
            f"the endpoint engine needs the openai client ({error}); install it: pip install openai"
        ) from error
    limits = openai.Timeout(None, connect=min(_CONNECT, timeout / 2))
    client = openai.DefaultAsyncHttpxClient(follow_redirects=False, timeout=limits)
    library = sys.modules[
        type(client).__bases__[0].__module__.partition(".")[0]
    ]  # httpx, or its successor httpx2
    return client, library.TimeoutException, library.HTTPError


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
    return f", through the proxy {shown_url(through)}" if through and not proxy_bypass(parts.netloc) else ""


def _cause(error: BaseException) -> str:
    """Return the innermost words of a connection error: the outer ones only say that there was one."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, BaseExceptionGroup):  # of the addresses that a name has
        error = error.exceptions[0]
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)
    return str(error)[:120] or type(error).__name__
