"""Keeps an engine full with windows of different queries, most rounds left first, and never in lock-step.

Queries are read as a stream with a bounded look-ahead and leave in the order in which they came.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

from rearank_cli.engines.protocol import Engine
from rearank_cli.formats.trace import Answer
from rearank_cli.ranking.permutation import parse
from rearank_cli.ranking.strategies import Strategy
from rearank_cli.records import Candidates, Completion, Hit, Permutation, Prompt, Query, Window

Compose: TypeAlias = Callable[[Query, Sequence[Hit]], Prompt]
Recall: TypeAlias = Callable[[Prompt, int], Completion | None]
"""Returns what was answered to a prompt and sample number before, if anything."""


@dataclass(slots=True, eq=False)
class _Walk:
    """A query on its way: its strategy, the round it is in, and its result once there is one."""

    candidates: Candidates
    strategy: Strategy
    windows: tuple[Window, ...] = ()
    permutations: dict[int, Permutation] = field(default_factory=dict)
    done: bool = False


class Scheduler:
    """Joins strategies and an engine.

    `strategy(n)` starts the walk over a list of n passages; `depth` is how many of each query's hits are
    reranked, the rest keep their order below them. At most `lookahead` unfinished queries are held. A
    finished query that waits for its turn keeps no texts unless `keep_texts`. `on_answer` is called once
    for every window that the engine answered; what `recall` knows is not asked again.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        compose: Compose,
        strategy: Callable[[int], Strategy],
        on_answer: Callable[[Answer], None],
        recall: Recall = lambda _prompt, _sample: None,
        depth: int | None = None,
        lookahead: int | None = None,
        keep_texts: bool = True,
    ) -> None:
        self._engine = engine
        self._compose = compose
        self._strategy = strategy
        self._on_answer = on_answer
        self._recall = recall
        self._depth = depth
        self._lookahead = lookahead or 2 * engine.capacity
        self._keep_texts = keep_texts
        self._walks: deque[_Walk] = deque()  # in the order of the input, till they are written
        self._unfinished = 0
        self._ready: list[tuple[int, int, _Walk, int]] = []  # heap: (-rounds left, arrival, walk, window)
        self._arrivals = count()
        self._asked: dict[int, tuple[_Walk, int, Prompt]] = {}  # in flight, by the engine's key
        self._keys = count()

    def rerank(self, stream: Iterable[Candidates]) -> Iterator[Candidates]:
        """Yield each query with its hits in their new order and scores n ... 1.

        Raises:
            RearankError: the input is malformed or the engine cannot go on.
        """
        source = iter(stream)
        while True:
            more = self._admit(source)
            self._submit()
            yield from self._finished()
            if self._asked:
                for key, completion in self._engine.collect():
                    self._answer(key, completion)
            elif not more and not self._walks:
                return

    def _admit(self, source: Iterator[Candidates]) -> bool:
        while self._unfinished < self._lookahead:
            candidates = next(source, None)
            if candidates is None:
                return False
            shown = len(candidates.hits) if self._depth is None else min(self._depth, len(candidates.hits))
            walk = _Walk(candidates, self._strategy(shown))
            self._walks.append(walk)
            self._unfinished += 1
            self._advance(walk, None)
        return True

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
            prompt = self._compose(walk.candidates.query, hits)
            known = self._recall(prompt, 0)
            if known is not None:
                self._settle(walk, index, parse(known.text, len(hits)))
                continue
            key = next(self._keys)
            self._asked[key] = (walk, index, prompt)
            self._engine.submit(key, prompt)

    def _answer(self, key: int, completion: Completion) -> None:
        walk, index, prompt = self._asked.pop(key)
        permutation = parse(completion.text, len(prompt.docids))
        self._on_answer(Answer(prompt, 0, completion, permutation))
        self._settle(walk, index, permutation)

    def _settle(self, walk: _Walk, index: int, permutation: Permutation) -> None:
        walk.permutations[index] = permutation
        if len(walk.permutations) == len(walk.windows):
            self._advance(walk, tuple(walk.permutations[i] for i in range(len(walk.windows))))

    def _finished(self) -> Iterator[Candidates]:
        while self._walks and self._walks[0].done:
            yield self._walks.popleft().candidates

    def _reordered(self, candidates: Candidates, ranking: tuple[int, ...]) -> Candidates:
        hits = (*(candidates.hits[position] for position in ranking), *candidates.hits[len(ranking) :])
        scored = (replace(hit, score=float(len(hits) - place)) for place, hit in enumerate(hits))
        if self._keep_texts:
            return replace(candidates, hits=tuple(scored))
        return replace(candidates, hits=tuple(Hit(hit.docid, hit.score) for hit in scored))
