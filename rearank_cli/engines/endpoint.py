"""Any OpenAI-compatible server, or several: each request goes where the fewest are in flight."""

import json
import threading
import time
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from random import uniform
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rearank_cli.console import note
from rearank_cli.engines.chat_completions import (
    Fault,
    Kind,
    adapted,
    asked_to_wait,
    messages,
    read_answer,
    sampling_fields,
)
from rearank_cli.engines.protocol import Sampling
from rearank_cli.errors import RearankError, TryLater, Unavailable, UsageError
from rearank_cli.records import Completion, Prompt

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

CONCURRENCY = 32
TIMEOUT = 600.0
RETRIES = 6
TIMEOUTS = 2  # tries that ran into the time-out, after which a request is given up, whatever `retries` allows
_FIRST_PAUSE = 0.5  # seconds before the first retry; doubled from one to the next
_LONGEST_PAUSE = 30.0
_LONGEST_WAIT = 300.0  # a server that asks for more is left alone for this call
_FAILED_IN_A_ROW = 5  # requests given up with none answered in between: the rest would fare no better
_FAILED = Completion("", finish="error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the servers are and how to ask them.

    `timeout` is in seconds without a word from the server, `concurrency` counts requests in flight over
    all servers, `retries` those that follow a failed one (0 or more), of which one may follow a time-out.
    """

    base_urls: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)
    concurrency: int = CONCURRENCY
    timeout: float = TIMEOUT
    retries: int = RETRIES


@dataclass(slots=True)
class _Server:
    """One server: how many requests it has, and till when it is passed over because it was down."""

    name: str
    client: "OpenAI"
    in_flight: int = 0
    down: int = 0  # faults in a row
    rests_until: float = 0.0


class EndpointEngine:
    """A thread a request behind submit and collect.

    A failed attempt is repeated with growing, jittered pauses, elsewhere where there is another server. A
    request that fails to the end becomes `Completion("", "error")`. Where that says that the others will
    fail as well, `collect` raises: TryLater for a server that is down, Unavailable for one that refuses.
    """

    def __init__(self, model: str, sampling: Sampling, endpoint: Endpoint) -> None:
        """Prepare to ask; nothing is sent yet.

        Raises:
            UsageError: a base URL that is none.
            Unavailable: the openai client is missing.
        """
        self.capacity = endpoint.concurrency
        self._endpoint = endpoint
        self._servers = [_server(url, endpoint) for url in endpoint.base_urls]
        self._model = model
        self._sampling = sampling
        self._refused: tuple[str, ...] = ()  # fields that the server does not take
        self._done: SimpleQueue[tuple[int, Completion] | RearankError | None] = SimpleQueue()
        self._fatal: RearankError | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._answered = 0
        self._failed_in_a_row = 0
        self._said: set[tuple[str, Kind]] = set()

    def submit(self, key: int, prompt: Prompt) -> None:
        """Ask about a prompt in a thread of its own, which does not keep the program from ending."""
        threading.Thread(target=self._work, args=(key, prompt), daemon=True).start()

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """Return what was answered or given up since the last call; wait for at least one.

        Raises:
            TryLater: no server answers now.
            Unavailable: a server refuses for good, or is no such server.
        """
        if self._fatal is not None:
            raise self._fatal
        done: list[tuple[int, Completion]] = []
        try:
            finished = self._done.get(timeout=timeout)
            while True:
                if isinstance(finished, tuple):
                    done.append(finished)
                elif self._fatal is None:
                    self._fatal = finished or Unavailable("a request broke; the traceback above says where")
                finished = self._done.get_nowait()
        except Empty:
            pass
        if self._fatal is not None and not done:
            raise self._fatal
        return done

    def close(self) -> None:
        """Stop asking; requests in flight are left to themselves."""
        self._closed.set()
        for server in self._servers:
            server.client.close()

    def _work(self, key: int, prompt: Prompt) -> None:
        finished: tuple[int, Completion] | RearankError | None = None
        try:
            finished = (key, self._complete(prompt))
        except RearankError as error:
            finished = error
        finally:
            self._done.put(finished)  # None where the thread breaks: nobody may wait for ever

    def _complete(self, prompt: Prompt) -> Completion:
        answered_before, faults = self._answered, list[Fault]()
        while True:
            server = self._chosen()
            try:
                completion = self._ask(server, prompt)
            except Fault as fault:
                if self._closed.is_set():  # which may itself be the fault
                    return _FAILED
                self._rest(server, fault)
                faults.append(fault)
                if self._enough(faults):
                    return self._given_up(server, faults, alone=self._answered == answered_before)
                self._say(server, fault)
                if self._closed.wait(pause(len(faults), fault.wait)):
                    return _FAILED
            else:
                with self._lock:
                    self._answered += 1
                    self._failed_in_a_row = server.down = 0
                return completion
            finally:
                with self._lock:
                    server.in_flight -= 1

    def _chosen(self) -> _Server:
        with self._lock:
            now = time.monotonic()
            server = min(self._servers, key=lambda s: (max(0.0, s.rests_until - now), s.in_flight))
            server.in_flight += 1
            return server

    def _enough(self, faults: list[Fault]) -> bool:
        """Return whether a request that failed so is not to be tried again."""
        last, timeouts = faults[-1], sum(fault.kind is Kind.SLOW for fault in faults)
        hopeless = last.kind is Kind.REFUSED or last.wait > _LONGEST_WAIT
        return hopeless or timeouts >= TIMEOUTS or len(faults) > self._endpoint.retries

    def _rest(self, server: _Server, fault: Fault) -> None:
        if fault.kind in (Kind.DOWN, Kind.SLOW):
            with self._lock:
                server.down += 1
                server.rests_until = time.monotonic() + pause(server.down, fault.wait)

    def _ask(self, server: _Server, prompt: Prompt) -> Completion:
        import openai

        fields = adapted(sampling_fields(prompt.sampling or self._sampling), self._refused)
        body = {"model": self._model, "messages": messages(prompt), **fields}
        started = time.monotonic()
        try:
            # Not chat.completions.create(): it walks every message, 15 ms of CPU where this takes 2.
            answer = server.client.post("/chat/completions", cast_to=object, body=body)
        except openai.APITimeoutError as error:
            if type(error.__cause__).__name__ == "ConnectTimeout":  # of httpx, or of httpx2 in newer clients
                raise Fault("no connection (timed out)", Kind.DOWN) from error
            raise Fault(f"no answer within {self._endpoint.timeout:g} s", Kind.SLOW) from error
        except openai.APIConnectionError as error:
            raise Fault(f"no connection ({_cause(error)})", Kind.DOWN) from error
        except openai.APIStatusError as error:
            if error.status_code in (400, 422) and error.param in fields:
                self._adapt(error.param)
                return self._ask(server, prompt)
            raise self._fault(server, error) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise Fault("bytes that are no JSON", Kind.ODD) from error
        except RuntimeError as error:  # what a client says that was closed before it could send
            if not self._closed.is_set():
                raise
            raise Fault("closed", Kind.ODD) from error
        return read_answer(answer, time.monotonic() - started)

    def _adapt(self, refused: str) -> None:
        with self._lock:
            if refused not in self._refused:
                self._refused += (refused,)
                note(f"{self._model}: the server does not take {refused!r}; asked without it from here on")

    def _fault(self, server: _Server, error: "APIStatusError") -> Fault:
        status, said = error.status_code, self._unkeyed(" ".join(error.message.split()))[:200]
        if status in (401, 403):
            raise Unavailable(
                f"{server.name}: the server refuses with {status} ({said}); name the variable that holds a valid "
                "key with --api-key-env"
            )
        if status in (404, 405):
            raise Unavailable(
                f"{server.name}: expected an OpenAI-compatible server that has the model {self._model!r}, found "
                f"{status} ({said}); check --base-url, which mostly ends in /v1, and --model"
            )
        what, wait = f"HTTP {status} ({said})", asked_to_wait(error.response.headers)
        if status in (408, 409, 425, 429) or status >= 500:
            return Fault(what, Kind.ODD if status == 500 else Kind.DOWN, wait)
        return Fault(what, Kind.REFUSED)

    def _given_up(self, server: _Server, faults: list[Fault], *, alone: bool) -> Completion:
        """Count a failed request; `alone` says that nothing at all was answered while it was tried."""
        fault = faults[-1]
        with self._lock:
            self._failed_in_a_row += 1
            hopeless = self._failed_in_a_row >= _FAILED_IN_A_ROW
        sentence = f"{server.name}: {fault.what}"
        if fault.kind is Kind.FOREIGN and not self._answered:
            raise Unavailable(
                f"{sentence}: expected an OpenAI-compatible server; check --base-url, which mostly ends in /v1"
            )
        if fault.kind is Kind.REFUSED and hopeless:
            raise Unavailable(
                f"{sentence}; so it went {_FAILED_IN_A_ROW} times in a row, and asking again is no use"
            )
        if (fault.kind is Kind.DOWN and alone) or hopeless:
            tried = f", in the last of {len(faults)} tries" if len(faults) > 1 else ""
            raise TryLater(f"{sentence}{tried}; what was answered so far is in the trace, try again later")
        return _FAILED

    def _say(self, server: _Server, fault: Fault) -> None:
        with self._lock:
            new = (server.name, fault.kind) not in self._said
            self._said.add((server.name, fault.kind))
        if new:
            note(f"{server.name}: {fault.what}; trying again, here and after faults like it")

    def _unkeyed(self, text: str) -> str:
        return text.replace(self._endpoint.api_key, "[key]") if self._endpoint.api_key else text


def pause(attempt: int, asked: float) -> float:
    """Return how many seconds to wait after the attempt of this number (1 or more), at least those asked for."""
    growing = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (attempt - 1))
    jitter = uniform(0.5, 1.0)  # those who failed together must not return so
    return max(asked, 0.0) + growing * jitter


def _server(url: str, endpoint: Endpoint) -> _Server:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--base-url {url!r}: expected a URL such as http://localhost:8000/v1")
    try:
        import openai
    except ImportError as error:
        raise Unavailable(
            f"the endpoint engine needs the openai client ({error}); install it: pip install openai"
        ) from error
    client = openai.OpenAI(
        base_url=url,
        api_key=endpoint.api_key or "none",
        max_retries=0,
        timeout=openai.Timeout(endpoint.timeout, connect=min(10.0, endpoint.timeout)),
    )
    return _Server(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", client)


def _cause(error: BaseException) -> str:
    """Return the innermost words of a connection error: the outer ones only say that there was one."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)[:120] or type(error).__name__
