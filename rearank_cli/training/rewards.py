"""The reward of a completion: how much better the list became, and whether it was said as asked.

paper: section 3.3, equations (5) and (6): 0.8 x relative nDCG@10 gain + 0.1 tags + 0.1 answer. Here, unlike
the released code, a list without signal has no reward at all, the answer must name every passage once, an
answer that does not can only lose, and the gain may be clipped from below.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rearank_cli.ranking.permutation import parse

CUT = 10
SIGNAL = 1e-9  # nDCG: a list whose best order is better by less teaches nothing
_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_THOUGHT = re.compile(r"<think>.*?</think>\s*<answer>(.*?)</answer>", re.DOTALL)
_ANSWERED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_ORDER = re.compile(r"\s*\[[0-9]{1,6}\](\s*>\s*\[[0-9]{1,6}\])*\s*")


class RewardForm(StrEnum):
    """What the ranking earns: the paper's relative gain, or one of its ablations (table 3)."""

    RELATIVE = "relative"
    DELTA = "delta"
    NDCG = "ndcg"


class FormatCheck(StrEnum):
    """How strictly the form of an answer is judged."""

    STRICT = "strict"
    """Each tag once and in order; every passage named once, as `[2] > [1]`."""
    PAPER = "paper"
    """The released code's: tags may stand inside others, and one bracketed number is an answer."""


@dataclass(frozen=True, slots=True)
class Stakes:
    """What a list is worth: the grades as presented, and nDCG@10 of that order and of the best one (0 to 1)."""

    grades: tuple[int, ...]
    initial: float
    ideal: float

    @property
    def has_signal(self) -> bool:
        """Whether an order can be better than the one presented."""
        return self.ideal - self.initial > SIGNAL


@dataclass(frozen=True, slots=True)
class Rules:
    """What is paid for. `clip` is the least that the ranking can earn, None for no limit (the paper)."""

    form: RewardForm = RewardForm.RELATIVE
    check: FormatCheck = FormatCheck.STRICT
    clip: float | None = -1.0
    weights: tuple[float, float, float] = (0.8, 0.1, 0.1)
    think: bool = True


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a reward: `rank` at most 1, `tags` and `answer` 0 or 1."""

    rank: float
    tags: float
    answer: float


def dcg(grades: Sequence[int]) -> float:
    """Return the discounted gain of the first ten grades; the gain is the grade itself, 0 where it is negative.

    >>> dcg([3, 0, 1]), dcg([-2])
    (3.5, 0.0)
    """
    return sum(max(grade, 0) / math.log2(rank + 1) for rank, grade in enumerate(grades[:CUT], 1))


def ndcg(grades: Sequence[int], judged: Sequence[int]) -> float:
    """Return nDCG@10 of grades in ranked order against all judged grades of the query, 0 to 1.

    The same as trec_eval's ndcg_cut.10; 0 where nothing is relevant.

    >>> ndcg([2, 1], [2, 1]), round(ndcg([1, 2], [1, 2, 0]), 4), ndcg([0], [0])
    (1.0, 0.8597, 0.0)
    """
    best = dcg(sorted(judged, reverse=True))
    return dcg(grades) / best if best else 0.0


def stakes(grades: Sequence[int], judged: Sequence[int]) -> Stakes:
    """Return what a list is worth, given the grades of all judged documents of its query.

    >>> stakes([0, 1], judged=[1])
    Stakes(grades=(0, 1), initial=0.6309297535714575, ideal=1.0)
    """
    best = sorted(grades, reverse=True)
    return Stakes(tuple(grades), ndcg(grades, judged), ndcg(best, judged))


def reward_parts(completion: str, worth: Stakes, rules: Rules) -> Parts | None:
    """Return what a completion earns in each part, or None for a list without signal.

    >>> worth = stakes([0, 1], judged=[1])
    >>> reward_parts("<think>so</think><answer>[2] > [1]</answer>", worth, Rules())
    Parts(rank=1.0, tags=1.0, answer=1.0)
    >>> reward_parts("<think>so</think><answer>[2]</answer>", worth, Rules())
    Parts(rank=0.0, tags=1.0, answer=0.0)
    >>> reward_parts("anything", stakes([1, 0], judged=[1]), Rules()) is None
    True
    """
    if not worth.has_signal:
        return None
    answer = answer_reward(completion, len(worth.grades), rules)
    rank = rank_reward(completion, worth, rules, complete=answer == 1.0)
    return Parts(rank, tags_reward(completion, rules), answer)


def total(parts: Parts, weights: tuple[float, float, float]) -> float:
    """Return the weighted sum, equation (6).

    >>> total(Parts(0.5, 1.0, 1.0), (0.8, 0.1, 0.1))
    0.6
    """
    return weights[0] * parts.rank + weights[1] * parts.tags + weights[2] * parts.answer


def rank_reward(completion: str, worth: Stakes, rules: Rules, *, complete: bool) -> float:
    """Return what the new order earns: 0 for the order presented (its nDCG@10 for `ndcg`).

    With the strict check an answer that is not `complete` earns at most what the order presented would:
    the passages that it leaves out are put back in order, so that leaving them out would be nearly free.
    """
    here = _worth_of(worth, rules.form, worth.initial)
    strict = rules.check is FormatCheck.STRICT
    if strict and "<answer>" not in completion:
        return here
    gained = _worth_of(worth, rules.form, reached_ndcg(completion, worth))
    if strict and not complete:
        gained = min(gained, here)
    return gained if rules.clip is None else max(gained, rules.clip)


def reached_ndcg(completion: str, worth: Stakes) -> float:
    """Return nDCG@10 (0 to 1) of the list as a completion orders it, read as it is when the model serves.

    The judgements that are not in the list are known by `ideal`, which its own best order has.

    >>> reached_ndcg("<answer>[2] > [1]</answer>", Stakes((0, 1), initial=0.3, ideal=0.5))
    0.5
    """
    best = dcg(sorted(worth.grades, reverse=True))
    order = parse(completion, len(worth.grades)).order
    return worth.ideal * dcg([worth.grades[place] for place in order]) / best if best else 0.0


def _worth_of(worth: Stakes, form: RewardForm, reached: float) -> float:
    if form is RewardForm.NDCG:
        return reached
    gain = reached - worth.initial
    return gain / (worth.ideal - worth.initial) if form is RewardForm.RELATIVE else gain


def tags_reward(completion: str, rules: Rules) -> float:
    """Return 1 for reasoning and answer in their tags and nothing outside them, else 0.

    A prompt that does not ask for reasoning wants the answer's tags alone.

    >>> tags_reward("<think>a</think> <answer>b</answer>", Rules())
    1.0
    >>> tags_reward("<think>a</think><answer></answer><answer>b</answer>", Rules())
    0.0
    """
    matched = (_THOUGHT if rules.think else _ANSWERED).fullmatch(completion.strip())
    if rules.check is FormatCheck.STRICT:
        counts = [completion.count(tag) for tag in _TAGS]
        return float(matched is not None and counts == ([1, 1, 1, 1] if rules.think else [0, 0, 1, 1]))
    return float(matched is not None)


def answer_reward(completion: str, n: int, rules: Rules) -> float:
    """Return 1 for an answer that orders all `n` passages as `[2] > [1]`, else 0.

    >>> answer_reward("<answer>[2] > [1]</answer>", 2, Rules()), answer_reward("<answer>[2]</answer>", 2, Rules())
    (1.0, 0.0)
    >>> answer_reward("<answer>surely [3], I think</answer>", 20, Rules(check=FormatCheck.PAPER))
    1.0
    """
    answers = _ANSWERED.findall(completion)
    if rules.check is FormatCheck.PAPER:
        return float(bool(answers) and re.search(r"\[[0-9]+\]", answers[0]) is not None)
    if len(answers) != 1 or not _ORDER.fullmatch(answers[0]):
        return 0.0
    return float(sorted(map(int, re.findall("[0-9]+", answers[0]))) == list(range(1, n + 1)))
