"""Reranking a stream of candidates, from the engine to the health line."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from rearank_cli.console import note, progress
from rearank_cli.engines.dry import CHARACTERS_A_TOKEN, estimated_tokens
from rearank_cli.engines.opening import EngineName, Opened
from rearank_cli.errors import RearankError, TryLater
from rearank_cli.formats.provenance import clean_argument
from rearank_cli.formats.trace import Answer, Row
from rearank_cli.ranking.asking import Forcing, Policy, answer_pattern, ask
from rearank_cli.ranking.compose import ChatComposer
from rearank_cli.ranking.health import Health
from rearank_cli.ranking.journal import Journal
from rearank_cli.ranking.limits import Limits, check_limits
from rearank_cli.ranking.meter import Metered
from rearank_cli.ranking.profiles import Profile
from rearank_cli.ranking.scheduler import Scheduler, Walking
from rearank_cli.ranking.stopping import Interrupted, Stop
from rearank_cli.ranking.strategies import sliding
from rearank_cli.ranking.tokens import TokenComposer
from rearank_cli.records import Candidates, Completion, Outcome, Prompt, Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to rerank.

    `depth` counts hits, `lookahead` queries; `repairs` is how often an unreadable answer is asked for again.
    With `partial`, a run that was stopped is written all the same, unfinished queries as far as they were
    decided. With `retry_refused`, what a server refused for good is asked again.
    """

    profile: Profile
    sampling: Sampling
    passes: int = 1
    depth: int | None = None
    lookahead: int | None = None
    repairs: int = 0
    force_answer: bool = False
    constrain: bool = False
    deterministic: bool = False
    trace: str | None = None
    retry_refused: bool = False
    limits: Limits = field(default_factory=Limits)
    partial: bool = False
    keep_texts: bool = True


class Reranking:
    """One rerank, from the first query to the health line; `stopped` is the error of a run cut short."""

    def __init__(self, opened: Opened, plan: Plan, stop: Stop) -> None:
        """Open the trace.

        Raises:
            OutputError: the trace cannot be written.
            TryLater: another process holds it.
        """
        self.health = Health()
        self._show: Callable[[], None] = lambda: None
        self.stopped: RearankError | None = None
        self._plan = plan
        self._stop = stop
        self._asked = _asked(opened, plan)
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._journal = (
            Journal(plan.trace, self._asked, retry_refused=plan.retry_refused) if plan.trace else None
        )
        self._engine = Metered(opened.engine)
        self._composer = _composer(opened, plan)
        self._tokens = self._composer.tokens if isinstance(self._composer, ChatComposer) else self._composer
        self._dropped_fields = opened.dropped_fields
        self._counts_itself = opened.name is not EngineName.ENDPOINT
        self._scheduler = Scheduler(self._engine, self._walking(), stop)

    def run(
        self, stream: Iterable[Candidates], share_read: Callable[[], float | None] = lambda: None
    ) -> Iterator[Candidates]:
        """Yield the queries of a stream, reranked, in their order; end with the health line on stderr.

        `share_read` tells, for the lines of progress, how much of the input (0 to 1) has been read.

        A run that is stopped raises, unless it is to be `partial`: it then yields every query of the
        input and leaves the error in `stopped`.

        Raises:
            DataError: the input is malformed, or more answers are malformed, repaired or refused than `limits` allow.
            TryLater: stopped by a deadline or signal, or more requests failed than `limits` allow.
            RearankError: the engine cannot go on, or the trace cannot be written.
        """
        try:
            with self._stop.listening(), progress() as show:
                self._show = lambda: show(self._so_far(share_read()))
                for candidates in self._scheduler.rerank(stream):
                    self.health.queries += 1
                    yield candidates
                if self._stop.wanted:
                    yield from self._cut_short()
        except (TryLater, Interrupted) as error:
            raise type(error)(f"{error}; {self._left()}") from error
        finally:
            self._close()
        check_limits(
            self.health, self._plan.limits, prompt=self._plan.profile.template.name, left=self._left()
        )

    def facts(self) -> Row:
        """Return what a run's provenance keeps of how it was made."""
        template, health = self._plan.profile.template, self.health
        counts = {outcome.value: (health.outcomes + health.recalled)[outcome] for outcome in Outcome}
        shares = {
            "malformed": health.share(lambda outcome: outcome.is_malformed),
            "repaired": health.share(lambda outcome: outcome.is_repaired),
            "failed": health.share(lambda outcome: outcome.is_failure),
        }
        return {
            **self._asked,
            "prompt_sha256": hashlib.sha256(repr(template).encode()).hexdigest(),
            "window": self._plan.profile.window,
            "step": self._plan.profile.step,
            "passes": self._plan.passes,
            "depth": self._plan.depth,
            "started": self._started,
            "seconds": round(self._engine.seconds, 3),
            "queries": health.queries,
            "windows": {"asked": health.windows, "recalled": health.recalled.total(), **counts},
            "shares": {name: round(share, 6) for name, share in shares.items()},
            "refusals": dict(health.refusals),
            "servers": sorted(health.servers),
            "dropped_fields": self._dropped_fields(),
            "tokens": {"prompt": health.prompt_tokens, "output": health.output_tokens},
            "stopped": str(self.stopped) if self.stopped else None,
        }

    def _cut_short(self) -> Iterator[Candidates]:
        error = self._stop.error(f"{self.health.queries} queries were finished")
        if not self._plan.partial:
            raise error
        error = type(error)(f"{error}; {self._left()}")
        names = []
        for candidates, finished in self._scheduler.unfinished():
            if not finished:
                names.append(candidates.query.qid)
            yield candidates
        shown = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        note(f"{len(names)} queries are not finished and keep their order below what was decided: {shown}")
        self.stopped = error

    def _left(self) -> str:
        return "run the same command again to go on" if self._plan.trace else "nothing was kept: use --trace"

    def _close(self) -> None:
        self._scheduler.close()
        self._engine.close()
        if self._journal is not None:
            self._journal.close()
        if self._tokens is not None:
            self.health.shortened = self._tokens.shortened
        self.health.neutralized = self._composer.neutralized
        note(f"{self.health}; {self._throughput()}")

    def _throughput(self) -> str:
        health, engine = self.health, self._engine
        seconds = max(engine.seconds, 1e-9)
        own = 1e3 * engine.own_cpu / health.windows if health.windows else 0.0
        return (
            f"{engine.seconds:.1f} s: {health.windows / seconds:.1f} windows/s, "
            f"{health.prompt_tokens / seconds:.0f} prompt and {health.output_tokens / seconds:.0f} output tokens/s, "
            f"{engine.mean_in_flight:.1f} in flight, own CPU {own:.2f} ms a window"
        )

    def _so_far(self, share_read: float | None) -> str:
        """Return a line of progress: done, left, rate, time left; what is left is an estimate till all is read."""
        done, seconds = self.health.queries, max(self._engine.seconds, 1e-9)
        rate = f"{self.health.windows} windows, {self.health.windows / seconds:.1f} windows/s"
        total: float | None = self._scheduler.taken_up
        if not self._scheduler.all_taken_up:
            total = self._scheduler.taken_up / share_read if share_read else None
        if total is None or not done:
            return f"{done} queries done, {rate}"
        left = max(0.0, total - done)
        return f"{done} queries done, about {left:.0f} left, {rate}, about {left * seconds / done / 60:.0f} min to go"

    def _walking(self) -> Walking:
        plan = self._plan
        force: Forcing | None = self._composer.forced if plan.force_answer else None
        think = plan.profile.template.think
        constrain = partial(answer_pattern, think=think) if plan.constrain else None
        policy = Policy(plan.sampling, plan.repairs, force, constrain)
        return Walking(
            strategy=lambda n: sliding(
                n, size=plan.profile.window, step=plan.profile.step, passes=plan.passes
            ),
            compose=self._composer,
            ask=lambda prompt: ask(prompt, policy),
            on_answer=self._heard,
            recall=self._recalled,
            on_recall=self.health.count_recalled,
            depth=plan.depth,
            lookahead=plan.lookahead,
            keep_texts=plan.keep_texts,
        )

    def _heard(self, answer: Answer) -> None:
        failed = answer.permutation.outcome.is_failure
        if not (self._counts_itself or answer.completion.prompt_tokens or failed):
            answer = replace(answer, completion=self._counted(answer))
        self.health.count(answer)
        self._show()
        if self._journal is not None:
            self._journal.record(answer)

    def _counted(self, answer: Answer) -> Completion:
        """Return a completion whose server did not count its tokens, counted or estimated."""
        prompt, completion = answer.prompt, answer.completion
        if self._tokens is not None:
            written = self._tokens.count(completion.text)
            return replace(completion, prompt_tokens=len(prompt.ids), output_tokens=written)
        self.health.estimated = True
        written = len(completion.text) // CHARACTERS_A_TOKEN
        return replace(completion, prompt_tokens=estimated_tokens(prompt), output_tokens=written)

    def _recalled(self, prompt: Prompt) -> Completion | None:
        return self._journal.recall(prompt) if self._journal is not None else None


def _composer(opened: Opened, plan: Plan) -> ChatComposer | TokenComposer:
    template, tokens = plan.profile.template, None
    if opened.tokenizer is not None:
        room = plan.sampling.max_tokens * (2 if plan.force_answer else 1)
        limit = opened.context - room if opened.context else None
        tokens = TokenComposer(template, opened.tokenizer, limit=limit)
    return tokens if tokens is not None and opened.takes_ids else ChatComposer(template, tokens)


def _asked(opened: Opened, plan: Plan) -> Row:
    return {
        "model": clean_argument(plan.profile.model),
        "engine": opened.name,
        "prompt": plan.profile.template.name,
        "sampling": asdict(plan.sampling),
        "constrained": plan.constrain,
        "deterministic": plan.deterministic,
        **opened.identity,
    }
