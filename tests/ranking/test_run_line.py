"""What the line at the end of a run says of tokens and of work in flight, and how much room a forced answer has."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from rearank_cli.engines.opening import EngineName, Opened
from rearank_cli.ranking import meter
from rearank_cli.ranking.meter import Metered
from rearank_cli.records import Candidates, Completion, Message, Prompt, Query
from tests.ranking.test_reranking import STREAM, WHOLE, Answers, plan, run


class Bytes:
    """A tokenizer whose tokens are the bytes of a text."""

    added: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    opens = ""

    def render(self, messages: Sequence[Message]) -> str:
        return "\n".join(message.content for message in messages)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [list(text.encode()) for text in texts]

    def first_tokens(self, texts: Sequence[str], cap: int) -> list[str]:
        return [text[:cap] for text in texts]


def lengths(context: int | None, *, force_answer: bool) -> tuple[list[int], int]:
    """Tokens of each prompt, and how many prompts were cut."""
    engine = Answers(WHOLE)
    opened = Opened(EngineName.REPLAY, engine, Bytes(), context=context)  # type: ignore[arg-type]
    health = run(opened, plan(force_answer=force_answer)).health
    return [len(prompt.ids) for prompt in engine.prompts], health.shortened


def test_a_forced_answer_has_a_budget_of_its_own_in_the_context() -> None:
    whole, cut = lengths(None, force_answer=False)
    assert cut == 0
    context = max(whole) + 100  # max_tokens of the plan
    assert lengths(context, force_answer=False) == (whole, 0)
    forced, cut = lengths(context, force_answer=True)
    assert cut == sum(length > context - 200 for length in whole) > 0
    assert context - 200 - 2 * 4 <= max(forced) <= context - 200  # four passages are cut to whole tokens


@pytest.mark.parametrize("name", [name for name in EngineName if name is not EngineName.AUTO])
def test_only_the_tokens_that_a_server_did_not_count_are_estimated(name: EngineName) -> None:
    uncounted = Completion("[1] > [2] > [3] > [4]")
    health = run(Opened(name, Answers(uncounted), takes_ids=False), plan()).health
    assert health.estimated == (name is EngineName.ENDPOINT)
    assert (health.prompt_tokens > 0) == (name is EngineName.ENDPOINT)


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        names = SimpleNamespace(monotonic=lambda: self.now, thread_time=lambda: 0.0)
        monkeypatch.setattr(meter, "time", names)


class Slow(Answers):
    """An engine that takes two seconds a batch."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(WHOLE)
        self._clock = clock

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        self._clock.now += 2.0
        return super().collect(timeout)


def test_prompts_in_flight_are_averaged_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    metered = Metered(Slow(clock))
    clock.now += 1.0  # nothing in flight
    metered.submit(0, Prompt("q", ("a", "b"), "ab"))
    clock.now += 1.0  # one
    metered.submit(1, Prompt("q", ("b", "a"), "ba"))
    assert len(metered.collect()) == 2  # two, for two seconds
    clock.now += 1.0  # nothing again
    assert metered.mean_in_flight == (0 + 1 + 2 * 2 + 0) / 5
    assert metered.seconds == 5.0


def test_the_line_of_a_run_says_how_many_prompts_were_in_flight(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    stream = [Candidates(Query("q", "why"), STREAM[0].hits[:4])]
    run(Opened(EngineName.ENDPOINT, Slow(clock), takes_ids=False), plan(), stream)
    assert ", 1.0 in flight, " in capsys.readouterr().err
