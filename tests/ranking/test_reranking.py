"""A rerank as a whole: what is counted, what is cut, what is refused."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rearank_cli.engines.opening import EngineName, Opened
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.errors import DataError, TryLater
from rearank_cli.ranking.profiles import profile
from rearank_cli.ranking.reranking import Plan, Reranking
from rearank_cli.ranking.stopping import Stop
from rearank_cli.records import Candidates, Completion, Hit, Prompt, Query, Sampling

STREAM = [
    Candidates(
        Query("q", "why do cats purr"),
        tuple(Hit(f"d{i}", 9.0 - i, f"a passage about {i} " * 20) for i in range(9)),
    )
]


class Answers:
    """Gives completions in turn, the last one for ever, and keeps the prompts."""

    capacity = 4

    def __init__(self, *completions: Completion) -> None:
        self.prompts: list[Prompt] = []
        self._completions = completions
        self._done: list[tuple[int, Completion]] = []

    def submit(self, key: int, prompt: Prompt) -> None:
        self._done.append((key, self._completions[min(len(self.prompts), len(self._completions) - 1)]))
        self.prompts.append(prompt)

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        return


def plan(**more: object) -> Plan:
    how = profile("m", prompt="rearank", window=4, step=2)
    return Plan(profile=how, sampling=Sampling(100), **more)  # type: ignore[arg-type]


def run(opened: Opened, wanted: Plan, stream: Sequence[Candidates] = STREAM) -> Reranking:
    reranking = Reranking(opened, wanted, Stop())
    assert len(list(reranking.run(stream))) == len(stream)
    return reranking


@pytest.fixture(scope="module")
def qwen(shared: Path) -> ChatTokenizer:
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    return ChatTokenizer(str(shared / "qwen2.5-tokenizer"))


def test_a_server_that_does_not_count_is_estimated_and_said() -> None:
    engine = Answers(Completion("<answer>[1] > [2] > [3] > [4]</answer>"))
    health = run(Opened(EngineName.ENDPOINT, engine, takes_ids=False), plan()).health
    assert health.estimated
    assert health.prompt_tokens == sum(sum(len(m.content) for m in p.messages) // 4 for p in engine.prompts)
    assert "tokens (estimated)" in str(health)


def test_with_a_tokenizer_a_server_s_tokens_are_counted(qwen: ChatTokenizer) -> None:
    engine = Answers(Completion("<answer>[1] > [2] > [3] > [4]</answer>"))
    health = run(Opened(EngineName.ENDPOINT, engine, qwen, takes_ids=False), plan()).health
    texts = [qwen.render(prompt.messages) for prompt in engine.prompts]
    assert health.prompt_tokens == sum(map(len, qwen.encode(texts)))
    assert not health.estimated


def test_with_a_context_the_passages_for_a_server_are_cut(qwen: ChatTokenizer) -> None:
    engine = Answers(Completion("[1] > [2] > [3] > [4]", prompt_tokens=1))
    health = run(Opened(EngineName.ENDPOINT, engine, qwen, context=500, takes_ids=False), plan()).health
    lengths = [len(row) for row in qwen.encode([qwen.render(prompt.messages) for prompt in engine.prompts])]
    assert max(lengths) <= 400
    assert health.shortened == len(lengths)
    assert f"prompts cut to the context {len(lengths)}" in str(health)


def test_failed_requests_are_counted_and_too_many_end_with_75() -> None:
    failing = Completion("", "error")
    answered = Completion("[1] > [2] > [3] > [4]", prompt_tokens=1)
    with pytest.raises(TryLater, match="25 % of the requests failed, more than --fail-above 20"):
        run(Opened(EngineName.ENDPOINT, Answers(failing, answered), takes_ids=False), plan(fail_above=20.0))
    health = run(
        Opened(EngineName.ENDPOINT, Answers(failing, answered), takes_ids=False), plan(fail_above=25.0)
    ).health
    assert "1 failed" in str(health)


def test_too_many_unreadable_answers_end_with_65() -> None:
    with pytest.raises(DataError, match="100 % of the answers were truncated or empty"):
        run(Opened(EngineName.ENDPOINT, Answers(Completion("no idea")), takes_ids=False), plan())


def test_progress_says_what_is_done_and_what_is_left() -> None:
    reranking = Reranking(
        Opened(EngineName.REPLAY, Answers(Completion("[1]"))), plan(max_malformed=100.0), Stop()
    )
    stream = [Candidates(Query(f"q{n}", "why"), STREAM[0].hits) for n in range(4)]
    running = reranking.run(stream)
    assert reranking._so_far(None).startswith("0 queries done, 0 windows")
    next(running)
    reranking._scheduler.taken_up = len(stream)  # the reading thread may be late
    assert reranking._so_far(1.0).startswith("1 queries done, about 3 left")
    assert "min to go" in reranking._so_far(1.0)
    list(running)
    assert "about 0 left" in reranking._so_far(None)
