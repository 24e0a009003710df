"""Asking about one window: once, again where the answer could not be read, or on from what was thought.

The one place between strategy and engine where an answer may lead to another question.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TypeAlias

from rearank_cli.formats.trace import Answer
from rearank_cli.ranking.permutation import parse
from rearank_cli.reasoning import ANSWER, closing_mark, outside_reasoning
from rearank_cli.records import Completion, Outcome, Permutation, Prompt, Sampling

Asking: TypeAlias = Generator[Prompt, Answer, Permutation]
"""Yields prompts, takes their answers, returns the permutation of the window."""

Forcing: TypeAlias = Callable[[Prompt, str], Prompt]
"""Makes the prompt that asks for the answer at once, from the first prompt and what was thought so far."""

REPAIR_TEMPERATURE = 0.7  # a greedy model would only repeat itself


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do with an unreadable answer.

    `repairs` is how often a window is asked again with a fresh sample; `force`, where set, asks a model
    that ran out of tokens for its answer, once a sample. `constrain`, where set, gives the pattern that a
    completion about n passages is held to.
    """

    sampling: Sampling
    repairs: int = 0
    force: Forcing | None = None
    constrain: Callable[[int], str] | None = None


def ask(prompt: Prompt, policy: Policy) -> Asking:
    """Ask about one window until an answer can be read or the policy is exhausted; the last one counts."""
    sampling = policy.sampling
    if policy.constrain is not None:
        sampling = replace(sampling, pattern=policy.constrain(len(prompt.docids)))
        prompt = replace(prompt, sampling=sampling)
    sample = 0
    while True:
        answer = yield _sampled(prompt, sampling, sample)
        if policy.force is not None and answer.completion.finish == "length" and _unreadable(answer):
            forced = policy.force(answer.prompt, answer.completion.text)
            answer = yield replace(forced, sampling=replace(forced.sampling or sampling, pattern=None))
        if sample == policy.repairs or not _unreadable(answer):
            return answer.permutation
        sample += 1


def _sampled(prompt: Prompt, sampling: Sampling, sample: int) -> Prompt:
    if sample == 0:
        return prompt
    fresh = replace(
        sampling, seed=sampling.seed + sample, temperature=sampling.temperature or REPAIR_TEMPERATURE
    )
    return replace(prompt, sample=sample, sampling=fresh)


def answer_pattern(n: int, *, think: bool) -> str:
    r"""Return the regular expression of a bare order of n passages, or of one in tags after a thought.

    It cannot forbid repeats (that would take 2^n rules), so the answer is still parsed and repaired.

    >>> print(answer_pattern(3, think=False))
    \[(1|2|3)\]( > \[(1|2|3)\]){2}
    """
    number = r"\[(" + "|".join(map(str, range(1, n + 1))) + r")\]"
    order = f"{number}( > {number}){{{n - 1}}}"
    return rf"<think>[^<]*</think>\s?<answer>{order}</answer>" if think else order


def _unreadable(answer: Answer) -> bool:
    outcome = answer.permutation.outcome
    return outcome.is_malformed or outcome is Outcome.PARTIAL


def read(prompt: Prompt, completion: Completion) -> Permutation:
    """Return the order that a completion gives the passages of its prompt; a failed request changes nothing."""
    n = len(prompt.docids)
    if completion.finish == "error":
        return Permutation(tuple(range(n)), Outcome.FAILED)
    if completion.finish == "refused":
        return Permutation(tuple(range(n)), Outcome.REFUSED)
    return parse(prompt.thought + completion.text, n, cut=completion.finish == "length")


def closed_thought(text: str) -> str:
    r"""Return what a model wrote, ended so that nothing but the order can follow.

    >>> closed_thought("<think>[2] is on topic, [1]")
    '<think>[2] is on topic, [1]\n</think>\n<answer>'
    >>> closed_thought("<think>so</think><answer>[2]")
    '<think>so</think><answer>[2]'
    """
    after, thinking = outside_reasoning(text, nested=True)
    closed = not thinking and after != text
    if closed and ANSWER in after:
        return text
    return text + ("" if closed else f"\n{closing_mark(text)}") + f"\n{ANSWER}"
