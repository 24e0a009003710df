"""Keeps an engine full with windows of different queries, most rounds left first, and never in lock-step.

Queries are read as a stream with a bounded look-ahead and leave in the order in which they came.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

from rearank_cli.engines.protocol import Engine
from rearank_cli.errors import TryLater
from rearank_cli.formats.trace import Answer
from rearank_cli.ranking.asking import Asking, read
from rearank_cli.ranking.feed import Feed
from rearank_cli.ranking.stopping import Stop
from rearank_cli.ranking.strategies import Stopped, Strategy
from rearank_cli.records import Candidates, Completion, Hit, Permutation, Prompt, Query, Window

Compose: TypeAlias = Callable[[Query, Sequence[Hit]], Prompt]
Recall: TypeAlias = Callable[[Prompt], Completion | None]
"""Returns what was answered to a prompt before, if anything."""

_GLANCE = 0.2  # seconds between two looks at the signals while nothing comes


@dataclass(frozen=True, slots=True, kw_only=True)
class Walking:
    """How queries are walked through.

    `strategy(n)` starts the walk over n passages; `compose` makes prompts and `ask` the asking about one;
    `recall` knows earlier answers; `on_recall` hears of every one of them that is used, `on_answer` of every new
    one. `depth` is how many of each query's hits are reranked, the rest keep their order below; at most
    `lookahead` unfinished queries are held (twice the engine's capacity where None). A finished query that
    waits for its turn keeps no texts unless `keep_texts`.
    """

    strategy: Callable[[int], Strategy]
    compose: Compose
    ask: Callable[[Prompt], Asking]
    on_answer: Callable[[Answer], None]
    recall: Recall = lambda _prompt: None
    on_recall: Callable[[Answer], None] = lambda _answer: None
    depth: int | None = None
    lookahead: int | None = None
    keep_texts: bool = True


@dataclass(slots=True, eq=False)
class _Walk:
    """A query on its way: its strategy, the round it is in, and its result once there is one."""

    candidates: Candidates
    strategy: Strategy
    windows: tuple[Window, ...] = ()
    shown: Counter[str] = field(default_factory=Counter)  # how often each prompt was asked
    permutations: dict[int, Permutation] = field(default_factory=dict)
    done: bool = False


@dataclass(slots=True, eq=False)
class _Question:
    """One window of a walk, being asked about."""

    walk: _Walk
    index: int
    asking: Asking
    prompt: Prompt


class Scheduler:
    """Joins strategies and an engine; one use only."""

    def __init__(self, engine: Engine, walking: Walking, stop: Stop | None = None) -> None:
        self._engine = engine
        self._walking = walking
        self._stop = stop or Stop()
        self._lookahead = walking.lookahead or 2 * engine.capacity
        self._walks: deque[_Walk] = deque()  # in the order of the input, till they are written
        self._unfinished = 0
        self._ready: list[tuple[int, int, _Walk, int]] = []  # heap: (-rounds left, arrival, walk, window)
        self._arrivals = count()
        self._asked: dict[int, _Question] = {}  # in flight, by the engine's key
        self._keys = count()
        self._feed: Feed[Candidates] | None = None
        self.taken_up = 0
        """Queries of the input that were begun."""

    @property
    def all_taken_up(self) -> bool:
        """Whether the input has no more queries."""
        return self._feed is not None and self._feed.ended

    def close(self) -> None:
        """Leave the input, of which nothing more is read."""
        if self._feed is not None:
            self._feed.leave()

    def rerank(self, stream: Iterable[Candidates]) -> Iterator[Candidates]:
        """Yield each query with its hits in their new order and scores n ... 1.

        When the stop is wanted, what is in flight is waited for within its grace, and the queries that
        are then finished in a row are still yielded: see `unfinished` for the others.

        Raises:
            RearankError: the input is malformed or the engine cannot go on.
        """
        feed = self._feed = Feed(stream)
        while not self._stop.wanted:
            self._admit(feed)
            self._submit()
            yield from self._finished()
            if self._asked:
                self._collect(_GLANCE)
            elif feed.ended and not self._walks:
                return
        while self._asked and self._stop.patience:
            self._collect(min(_GLANCE, self._stop.patience))
        yield from self._finished()

    def unfinished(self) -> Iterator[tuple[Candidates, bool]]:
        """After a stop: yield the other queries of the stream, and whether each was finished.

        One that was not has its hits as far as they were decided; one not begun, in their first order.
        """
        while self._walks:
            walk = self._walks.popleft()
            finished = walk.done
            if not finished:
                walk.candidates = self._reordered(walk.candidates, _broken_off(walk.strategy))
            yield walk.candidates, finished
        while self._feed is not None and not self._feed.ended:
            candidates = self._feed.next(_GLANCE)
            if candidates is not None:
                yield self._reordered(candidates, ()), not candidates.hits

    def _admit(self, feed: Feed[Candidates]) -> None:
        """Take up queries while there is room; wait for one only where nothing else is to be done."""
        while self._unfinished < self._lookahead:
            idle = not (self._asked or self._ready or (self._walks and self._walks[0].done))
            candidates = feed.next(_GLANCE if idle else 0.0)
            if candidates is None:
                return
            hits, depth = candidates.hits, self._walking.depth
            walk = _Walk(
                candidates, self._walking.strategy(len(hits) if depth is None else min(depth, len(hits)))
            )
            self._walks.append(walk)
            self._unfinished += 1
            self.taken_up += 1
            self._advance(walk, None)

    def _advance(self, walk: _Walk, permutations: tuple[Permutation, ...] | None) -> None:
        try:
            walk.windows = next(walk.strategy) if permutations is None else walk.strategy.send(permutations)
        except StopIteration as stop:
            walk.candidates = self._reordered(walk.candidates, stop.value)
            walk.done = True
            self._unfinished -= 1
            return
        walk.permutations.clear()
        for index, window in enumerate(walk.windows):
            heappush(self._ready, (-window.rounds_left, next(self._arrivals), walk, index))

    def _submit(self) -> None:
        while self._ready and len(self._asked) < self._engine.capacity:
            *_, walk, index = heappop(self._ready)
            hits = [walk.candidates.hits[position] for position in walk.windows[index].positions]
            prompt = self._walking.compose(walk.candidates.query, hits)
            repeat = walk.shown[prompt.digest]
            walk.shown[prompt.digest] += 1
            prompt = replace(prompt, repeat=repeat) if repeat else prompt
            asking = self._walking.ask(prompt)
            self._put(_Question(walk, index, asking, next(asking)))

    def _put(self, question: _Question) -> None:
        """Ask the engine, unless the answer is known from before."""
        while (known := self._walking.recall(question.prompt)) is not None:
            answer = Answer(question.prompt, known, read(question.prompt, known))
            self._walking.on_recall(answer)
            if self._settled(question, answer):
                return
        key = next(self._keys)
        self._asked[key] = question
        self._engine.submit(key, question.prompt)

    def _collect(self, timeout: float) -> None:
        try:
            collected = self._engine.collect(timeout)
        except TryLater:
            if not self._stop.wanted:
                raise
            self._asked.clear()  # nobody answers any more: the run's own end is what counts
            return
        for key, completion in collected:
            question = self._asked.pop(key)
            answer = Answer(question.prompt, completion, read(question.prompt, completion))
            self._walking.on_answer(answer)
            if not self._settled(question, answer) and not self._stop.wanted:
                self._put(question)

    def _settled(self, question: _Question, answer: Answer) -> bool:
        """Hand an answer to its asking; return False where that asks on (with `question.prompt`)."""
        try:
            question.prompt = question.asking.send(answer)
        except StopIteration as stop:
            walk = question.walk
            walk.permutations[question.index] = stop.value
            if len(walk.permutations) == len(walk.windows):
                self._advance(walk, tuple(walk.permutations[i] for i in range(len(walk.windows))))
            return True
        return False

    def _finished(self) -> Iterator[Candidates]:
        while self._walks and self._walks[0].done:
            yield self._walks.popleft().candidates

    def _reordered(self, candidates: Candidates, ranking: tuple[int, ...]) -> Candidates:
        hits = (*(candidates.hits[position] for position in ranking), *candidates.hits[len(ranking) :])
        scores = range(len(hits), 0, -1)
        if self._walking.keep_texts:
            scored = (
                Hit(hit.docid, float(score), hit.text, hit.title)
                for hit, score in zip(hits, scores, strict=True)
            )
        else:
            scored = (Hit(hit.docid, float(score)) for hit, score in zip(hits, scores, strict=True))
        return replace(candidates, hits=tuple(scored))


def _broken_off(strategy: Strategy) -> tuple[int, ...]:
    """Return the ranking that a strategy has reached, which then ends."""
    try:
        strategy.throw(Stopped())
    except StopIteration as stop:
        ranking: tuple[int, ...] = stop.value
        return ranking
    raise RuntimeError("a strategy went on after it was stopped")
