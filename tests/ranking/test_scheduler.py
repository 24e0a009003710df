"""The scheduler: the order of the input, full engines, bounded look-ahead, any completions whatever."""

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.formats.trace import Answer
from rearank_cli.ranking.asking import Policy, ask
from rearank_cli.ranking.scheduler import Scheduler, Walking
from rearank_cli.ranking.stopping import Stop
from rearank_cli.ranking.strategies import sliding
from rearank_cli.ranking.windows import windows
from rearank_cli.records import Candidates, Completion, Hit, Outcome, Prompt, Query, Sampling


def compose(query: Query, hits: Sequence[Hit]) -> Prompt:
    return Prompt(
        query.qid, tuple(hit.docid for hit in hits), digest=query.qid + "".join(hit.docid for hit in hits)
    )


class ScriptedEngine:
    """Answers with `answer(prompt)`, `latency(prompt)` collects later; keeps what it saw."""

    def __init__(self, answer: "Answering", capacity: int = 4, seed: int = 0) -> None:
        self.capacity = capacity
        self.most = 0
        self.asked: list[Prompt] = []
        self._answer, self._random = answer, random.Random(seed)
        self._flying: list[tuple[int, Prompt]] = []

    def submit(self, key: int, prompt: Prompt) -> None:
        self.asked.append(prompt)
        self._flying.append((key, prompt))
        self.most = max(self.most, len(self._flying))

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        self._random.shuffle(self._flying)
        done, self._flying = self._flying[:1], self._flying[1:]
        return [(key, self._answer.completion(prompt)) for key, prompt in done]

    def close(self) -> None:
        return


class Answering:
    """An oracle: documents named d<number>, the larger the better."""

    def __call__(self, prompt: Prompt) -> str:
        places = sorted(range(len(prompt.docids)), key=lambda place: -int(prompt.docids[place][1:]))
        return "<answer>" + " > ".join(f"[{place + 1}]" for place in places) + "</answer>"

    def completion(self, prompt: Prompt) -> Completion:
        return Completion(self(prompt))


class Saying(Answering):
    """Says one thing whatever is asked."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, prompt: Prompt) -> str:
        return self._text


def lists(count: int, n: int) -> list[Candidates]:
    return [
        Candidates(
            Query(f"q{q}", f"query {q}"),
            tuple(Hit(f"d{i}", float(n - i), f"text {i}") for i in range(n)),
            "t:r",
        )
        for q in range(count)
    ]


def walking(on_answer: Callable[[Answer], None], **more: Any) -> Walking:
    policy = Policy(Sampling(max_tokens=10), repairs=more.pop("repairs", 0), force=more.pop("force", None))
    return Walking(
        strategy=lambda n: sliding(n, size=4, step=2),
        compose=compose,
        ask=lambda prompt: ask(prompt, policy),
        on_answer=on_answer,
        **more,
    )


def reranked(
    engine: ScriptedEngine,
    stream: Iterable[Candidates],
    **more: Any,
) -> list[Candidates]:
    answers: list[Answer] = []
    out = list(Scheduler(engine, walking(answers.append, **more)).rerank(stream))
    assert len(answers) == len(engine.asked)
    return out


def test_queries_leave_in_the_order_in_which_they_came_whatever_finishes_first() -> None:
    engine = ScriptedEngine(Answering(), capacity=3, seed=5)
    out = reranked(engine, lists(20, 9))
    assert [c.query.qid for c in out] == [f"q{q}" for q in range(20)]
    assert all([hit.docid for hit in c.hits[:2]] == ["d8", "d7"] for c in out)
    assert all([hit.score for hit in c.hits] == [float(s) for s in range(9, 0, -1)] for c in out)
    assert engine.most == 3


def test_the_look_ahead_is_bounded_and_twice_the_capacity_by_default() -> None:
    read_ahead = threading.Event()  # set when so much was read that only the bound holds queries back

    def stream() -> Iterator[Candidates]:
        for number, candidates in enumerate(lists(30, 9)):
            if number == 9:  # one begun, eight in the queue of the reading thread, and this one
                read_ahead.set()
            yield candidates

    class Watching(ScriptedEngine):
        """Sees how many queries are begun and not finished whenever it is asked for answers."""

        def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
            if not read_ahead.is_set():
                assert read_ahead.wait(10)
                return []
            finished = sum(count == len(windows(9, size=4, step=2)) for count in answered.values())
            unfinished.add(scheduler.taken_up - finished)
            done = super().collect(timeout)
            answered.update(asked[key] for key, _ in done)
            return done

        def submit(self, key: int, prompt: Prompt) -> None:
            asked[key] = prompt.qid
            super().submit(key, prompt)

    asked: dict[int, str] = {}
    answered: Counter[str] = Counter()
    unfinished: set[int] = set()
    scheduler = Scheduler(Watching(Answering(), capacity=2), walking(lambda _answer: None))
    assert len(list(scheduler.rerank(stream()))) == 30
    assert max(unfinished) == 2 * 2


def test_the_query_with_most_rounds_left_goes_first() -> None:
    short, long = lists(1, 5)[0], Candidates(Query("long", "x"), lists(1, 15)[0].hits)
    engine = ScriptedEngine(Answering(), capacity=1)
    reranked(engine, [short, long], lookahead=2)
    assert engine.asked[0].qid == "long"


def test_depth_keeps_the_rest_below() -> None:
    (out,) = reranked(ScriptedEngine(Answering()), lists(1, 9), depth=5)
    assert [hit.docid for hit in out.hits] == ["d4", "d3", "d2", "d0", "d1", "d5", "d6", "d7", "d8"]


def test_lists_without_windows_pass_through() -> None:
    engine = ScriptedEngine(Answering())
    out = reranked(engine, [*lists(1, 0), *lists(2, 1)[1:]])
    assert [len(c.hits) for c in out] == [0, 1]
    assert engine.asked == []


def test_what_was_answered_before_is_not_asked_again() -> None:
    first = ScriptedEngine(Answering())
    expected = reranked(first, lists(3, 9))
    known = {prompt.digest: Answering()(prompt) for prompt in first.asked[:7]}

    def recall(prompt: Prompt) -> Completion | None:
        return Completion(known[prompt.digest]) if prompt.digest in known else None

    second = ScriptedEngine(Answering())
    assert reranked(second, lists(3, 9), recall=recall) == expected
    assert len(second.asked) == len(first.asked) - 7


def test_texts_are_kept_only_where_they_are_written() -> None:
    (kept,) = reranked(ScriptedEngine(Answering()), lists(1, 6))
    (bare,) = reranked(ScriptedEngine(Answering()), lists(1, 6), keep_texts=False)
    assert {hit.text for hit in bare.hits} == {None}
    assert [hit.docid for hit in kept.hits] == [hit.docid for hit in bare.hits]
    assert None not in {hit.text for hit in kept.hits}


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 40),
    text=st.text(alphabet="<>[]/ answerthink0123456789", max_size=80),
    seed=st.integers(0, 9),
)
def test_any_completion_gives_the_documents_of_the_input_once_each(n: int, text: str, seed: int) -> None:
    for out in reranked(ScriptedEngine(Saying(text), seed=seed), lists(2, n)):
        assert sorted(hit.docid for hit in out.hits) == sorted(f"d{i}" for i in range(n))
        scores = [hit.score for hit in out.hits]
        assert all(a > b for a, b in itertools.pairwise(scores))


class Failing(Answering):
    """Fails the first `times` requests of every window."""

    def __init__(self, times: int, bad: Completion) -> None:
        self._times, self._bad = times, bad
        self._seen: dict[str, int] = {}

    def completion(self, prompt: Prompt) -> Completion:
        count = self._seen[prompt.digest] = self._seen.get(prompt.digest, 0) + 1
        return self._bad if count <= self._times else Completion(self(prompt))


def test_a_failed_request_keeps_the_order_and_is_data() -> None:
    answers: list[Answer] = []
    engine = ScriptedEngine(Failing(1, Completion("", "error")))
    (out,) = Scheduler(engine, walking(answers.append, repairs=2)).rerank(lists(1, 4))
    assert [hit.docid for hit in out.hits] == ["d0", "d1", "d2", "d3"]
    assert [answer.permutation.outcome for answer in answers] == [Outcome.FAILED]


def test_an_unreadable_answer_is_asked_for_again_with_a_fresh_sample() -> None:
    engine = ScriptedEngine(Failing(1, Completion("<think>[3]", "length")))
    (out,) = reranked(engine, lists(1, 4), repairs=2)
    assert [hit.docid for hit in out.hits] == ["d3", "d2", "d1", "d0"]
    first, second = engine.asked
    assert (first.sample, first.sampling, second.sample) == (0, None, 1)
    assert second.sampling == Sampling(max_tokens=10, temperature=0.7, seed=1)
    engine = ScriptedEngine(Failing(9, Completion("<think>[3]", "length")))
    (out,) = reranked(engine, lists(1, 4), repairs=2)
    assert [hit.docid for hit in out.hits] == ["d0", "d1", "d2", "d3"]
    assert [prompt.sample for prompt in engine.asked] == [0, 1, 2]


def test_a_model_that_ran_out_of_tokens_is_asked_for_its_answer_once() -> None:
    def force(prompt: Prompt, text: str) -> Prompt:
        return replace(prompt, digest="forced " + prompt.digest, thought=text + "</think>")

    class Thinking(Answering):
        def completion(self, prompt: Prompt) -> Completion:
            return Completion(self(prompt)) if prompt.thought else Completion("<think>[1] is", "length")

    engine = ScriptedEngine(Thinking())
    (out,) = reranked(engine, lists(1, 4), force=force)
    assert [prompt.thought for prompt in engine.asked] == ["", "<think>[1] is</think>"]
    assert [hit.docid for hit in out.hits] == ["d3", "d2", "d1", "d0"]


def stopped_after(engine: ScriptedEngine, stream: list[Candidates], asked: int, grace: float) -> Scheduler:
    """Run until `asked` prompts were submitted, then stop as a deadline would."""

    class StopAt(Stop):
        @property
        def wanted(self) -> bool:
            if len(engine.asked) >= asked:
                self._deadline = 0.0
            return super().wanted

    scheduler = Scheduler(engine, walking(lambda _answer: None, lookahead=3), StopAt(grace=grace))
    scheduler.finished = list(scheduler.rerank(stream))  # type: ignore[attr-defined]
    return scheduler


def test_after_a_stop_what_is_in_flight_finishes_and_the_rest_keeps_its_order() -> None:
    engine = ScriptedEngine(Answering(), capacity=1)
    scheduler = stopped_after(engine, lists(5, 9), asked=6, grace=60)
    assert len(engine.asked) == 6
    finished: list[Candidates] = scheduler.finished  # type: ignore[attr-defined]
    others = list(scheduler.unfinished())
    everything = [*finished, *(candidates for candidates, _ in others)]
    assert [candidates.query.qid for candidates in everything] == [f"q{q}" for q in range(5)]
    assert all(len(candidates.hits) == 9 for candidates in everything)
    untouched = others[-1][0]
    assert [hit.docid for hit in untouched.hits] == [f"d{i}" for i in range(9)]
    begun = [c for c, done in others if not done and [h.docid for h in c.hits] != [f"d{i}" for i in range(9)]]
    assert begun, "a query that was begun keeps what was decided"


def test_without_grace_nothing_is_waited_for() -> None:
    engine = ScriptedEngine(Answering(), capacity=4)
    scheduler = stopped_after(engine, lists(5, 9), asked=1, grace=0.0)
    assert [done for _, done in scheduler.unfinished()] == [False] * 5
