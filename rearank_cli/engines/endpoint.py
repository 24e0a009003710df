"""Any OpenAI-compatible server, or a fleet of them, behind submit and collect."""

import asyncio
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from rearank_cli.engines.faults import Fault, Kind
from rearank_cli.engines.fleet import Attempt, Fleet, Member
from rearank_cli.engines.patience import Patience, Trial
from rearank_cli.engines.protocol import Sampling
from rearank_cli.engines.remarks import Remarks
from rearank_cli.engines.results import Results
from rearank_cli.engines.server import Server
from rearank_cli.errors import RearankError, TryLater, Unavailable
from rearank_cli.records import Completion, Prompt

CONCURRENCY = 32
TIMEOUT = 600.0
RETRIES = 6
_GLANCE = 0.2  # seconds between two looks at whether the run is to end
_CLOSING = 5.0  # seconds that connections may take to close
_CUT_OFF = Completion("", finish="error", reason="the run ended before an answer came")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the servers are and how to ask them.

    `timeout` bounds one request, in seconds; `concurrency` counts requests in flight over all servers,
    `retries` those that follow a failed one (0 or more), of which one may follow a time-out. Servers that
    are down are waited for `wait` seconds (0 or more), beyond the retries, but not once the run is `stopping`.
    """

    base_urls: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)
    concurrency: int = CONCURRENCY
    timeout: float = TIMEOUT
    retries: int = RETRIES
    wait: float = 0.0
    stopping: Callable[[], bool] = field(default=lambda: False, repr=False, compare=False)


class EndpointEngine:
    """Asks in an event loop of its own, in one thread.

    A failed attempt is repeated with growing, jittered pauses, elsewhere if there is another server: see
    `fleet`. A request that fails to the end becomes `Completion("", "error")`, one that is refused for good
    `Completion("", "refused")`, both with the reason. If that says that the others will fail as well,
    `collect` raises: TryLater for servers that are down, Unavailable for servers that refuse.
    """

    def __init__(self, model: str, sampling: Sampling, endpoint: Endpoint) -> None:
        """Prepare to ask; nothing is sent yet.

        Raises:
            UsageError: a base URL that is none.
            Unavailable: the openai client is missing.
        """
        self.capacity = endpoint.concurrency
        self._sampling = sampling
        self._stopping = endpoint.stopping
        servers = [
            Server(url, model, api_key=endpoint.api_key, timeout=endpoint.timeout)
            for url in endpoint.base_urls
        ]
        self._servers = {Member(server.name): server for server in servers}
        self._fleet = Fleet(tuple(self._servers), endpoint.concurrency)
        self._done: SimpleQueue[tuple[int, Completion] | RearankError] = SimpleQueue()
        self._fatal: RearankError | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._patience = Patience(retries=endpoint.retries, wait=endpoint.wait)
        self._remarks = Remarks()
        self._results = Results(self._patience, self._remarks)

    @property
    def dropped_fields(self) -> tuple[str, ...]:
        """The fields of a request that a server did not take, or took and did not heed."""
        fields = [name for server in self._servers.values() for name in server.dropped]
        return tuple(dict.fromkeys(fields + ["structured_outputs"] * self._remarks.pattern_is_ignored))

    def submit(self, key: int, prompt: Prompt) -> None:
        """Begin to ask about a prompt."""
        if self._closed:
            self._done.put((key, _CUT_OFF))
            return
        if not self._thread.ident:
            self._thread.start()
        self._loop.call_soon_threadsafe(self._begin, self._work(key, prompt))

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """Return what was answered or given up since the last call; wait for at least one.

        Raises:
            TryLater: no server answers now.
            Unavailable: every server refuses for good, or is no such server.
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
                    self._fatal = finished
                finished = self._done.get_nowait()
        except Empty:
            pass
        if self._fatal is not None and not done:
            raise self._fatal
        return done

    def close(self) -> None:
        """Stop asking and close the connections; requests in flight are given up."""
        if self._closed:
            return
        self._closed = True
        if self._thread.ident:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSING)
        else:
            self._loop.close()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._shut())
        self._loop.close()

    async def _shut(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(server.close() for server in self._servers.values()), return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # nobody may wait for ever
            traceback.print_exception(error)
            self._done.put(Unavailable("a request broke; the traceback above says where"))

    async def _work(self, key: int, prompt: Prompt) -> None:
        try:
            self._done.put((key, await self._complete(prompt)))
        except RearankError as error:
            self._done.put(error)
        except asyncio.CancelledError:
            self._done.put((key, _CUT_OFF))
            raise

    async def _complete(self, prompt: Prompt) -> Completion:
        results, sampling = self._results, prompt.sampling or self._sampling
        trial, refused = Trial(results.answered), dict[Member, Fault]()
        self._probe(prompt)
        member = self._chosen()
        while True:
            member, result = await self._raced(member, prompt)
            if isinstance(result, Completion):
                self._contradict(refused)
                return results.took(prompt, sampling, result)
            if result.kind is Kind.REFUSED:
                refused[member] = result
                other = self._fleet.second_opinion(refused, time.monotonic())
                if len(refused) > 1 or other is None:
                    return results.refused(member.name, prompt, result)
                member = other
                continue
            if not member.aside:
                if self._patience.ends(trial, result, time.monotonic(), results.answered):
                    return results.given_up(member.name, trial)
                results.failed(member.name, result)
            failed, member = member, self._chosen(avoid=member)
            if trial.faults and (member is failed or self._fleet.rests(member, time.monotonic())):
                await self._paused(failed, trial)

    async def _paused(self, failed: Member, trial: Trial) -> None:
        """Wait for the next attempt; there is none once the run is to end, which waits for no server."""
        until = time.monotonic() + self._patience.pause(trial, time.monotonic())
        while (ending := self._stopping()) or time.monotonic() < until:
            if ending and self._fleet.is_idle:
                raise TryLater(f"{failed.name}: {trial.faults[-1].what}; the run ended before an answer came")
            await asyncio.sleep(_GLANCE if ending else min(_GLANCE, max(0.0, until - time.monotonic())))

    def _contradict(self, refused: dict[Member, Fault]) -> None:
        """Let servers rest that refused what another one has answered."""
        for member, fault in refused.items():
            self._fleet.blame(member, time.monotonic())
            self._remarks.fault(member.name, fault)

    def _chosen(self, avoid: Member | None = None) -> Member:
        if not self._fleet.left:
            raise Unavailable("; ".join(dict.fromkeys(member.aside for member in self._fleet.members)))
        return self._fleet.choose(time.monotonic(), avoid=() if avoid is None else (avoid,))

    async def _raced(self, member: Member, prompt: Prompt) -> tuple[Member, Completion | Fault]:
        """Ask a server, and a second one if the first is late; return the first answer, or the last fault."""
        attempt = self._fleet.begin(member, time.monotonic())
        if len(self._servers) == 1:
            return member, await self._attempted(attempt, prompt)
        flying = {self._loop.create_task(self._attempted(attempt, prompt)): attempt}
        try:
            while True:
                done, _ = await asyncio.wait(
                    flying, timeout=self._fleet.glance(), return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    attempt = flying.pop(task)
                    result = task.result()
                    if not flying or isinstance(result, Completion) or result.kind is Kind.REFUSED:
                        return attempt.member, result
                    self._remark(attempt.member, result)
                if not done and len(flying) == 1:
                    other = self._fleet.another(attempt, time.monotonic())
                    if other is not None:
                        second = self._fleet.begin(other, time.monotonic())
                        flying[self._loop.create_task(self._attempted(second, prompt))] = second
        finally:
            for task in flying:
                task.cancel()

    async def _attempted(self, attempt: Attempt, prompt: Prompt) -> Completion | Fault:
        member = attempt.member
        try:
            completion = await self._servers[member].ask(prompt, prompt.sampling or self._sampling)
        except Fault as fault:
            if fault.kind is Kind.REFUSED:
                self._fleet.refused(attempt, time.monotonic())
            else:
                self._fleet.failed(attempt, time.monotonic(), fault.wait)
            if fault.kind is Kind.DENIED or (fault.kind is Kind.FOREIGN and not member.answers):
                self._set_aside(member, fault)
            return fault
        except asyncio.CancelledError:
            self._fleet.dropped(attempt, time.monotonic())
            raise
        self._fleet.answered(attempt, time.monotonic())
        return completion

    def _probe(self, prompt: Prompt) -> None:
        """Send a copy of a prompt where nobody would, for what its time says of that server."""
        member = self._fleet.to_probe(time.monotonic())
        if member is not None:
            self._begin(self._probed(self._fleet.begin(member, time.monotonic()), prompt))

    async def _probed(self, attempt: Attempt, prompt: Prompt) -> None:
        result = await self._attempted(attempt, prompt)
        if isinstance(result, Fault):
            if result.kind is Kind.REFUSED:
                self._fleet.blame(attempt.member, time.monotonic())
            else:
                self._remark(attempt.member, result)

    def _remark(self, member: Member, fault: Fault) -> None:
        """Say that a server failed for which another one answers."""
        if not member.aside:
            self._remarks.fault(member.name, fault)

    def _set_aside(self, member: Member, fault: Fault) -> None:
        """Ask a server nothing more; a web page alone is no reason if there is no other server."""
        others = [other for other in self._fleet.left if other is not member]
        if others or fault.kind is Kind.DENIED:
            member.aside = f"{member.name}: {fault.what}"
        if others:
            self._remarks.set_aside(member.name, fault)
