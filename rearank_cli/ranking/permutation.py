"""Reading an order out of what a model wrote. Never raises on model text, never hides how it was read."""

import re

from rearank_cli.records import Outcome, Permutation

_DIGITS = re.compile(r"[0-9]+")
_CLOSED_THINK = re.compile(r"</think(?:ing)?>")
_OPEN_THINK = re.compile(r"<think(?:ing)?>")
_MOST_DIGITS = 6  # a longer run of digits is no passage number


def parse(completion: str, n: int) -> Permutation:
    """Return the order that a completion gives `n` passages; passages it leaves out follow in their old order.

    Read is the last closed `<answer>` that follows the last `</think>`; else what follows an `<answer>`
    that was never closed; else, where thinking was opened and never closed, nothing; else the numbers
    after the thinking, or of the whole text (the rule of the field, which reproduces recorded runs).

    >>> parse("<think>[1] is off topic</think><answer>[2] > [3] > [1]</answer>", 3)
    Permutation(order=(1, 2, 0), outcome=<Outcome.CLEAN: 'clean'>)
    >>> parse("[3] > [3] > [9]", 3)
    Permutation(order=(2, 0, 1), outcome=<Outcome.REPAIRED: 'repaired'>)
    >>> parse("<think>[2] looks better than [1]", 2)
    Permutation(order=(0, 1), outcome=<Outcome.TRUNCATED: 'truncated'>)
    """
    text, broken_off = answer_text(completion)
    numbers = [int(run) for run in _DIGITS.findall(text) if len(run) <= _MOST_DIGITS]
    named = tuple(dict.fromkeys(number - 1 for number in numbers if 1 <= number <= n))
    order = (*named, *sorted(set(range(n)).difference(named)))
    return Permutation(order, _outcome(len(numbers), len(named), n, broken_off=broken_off))


def _outcome(numbers: int, named: int, n: int, *, broken_off: bool) -> Outcome:
    if broken_off:
        return Outcome.TRUNCATED
    if not named and n:
        return Outcome.EMPTY
    return Outcome.CLEAN if numbers == named == n else Outcome.REPAIRED


def answer_text(completion: str) -> tuple[str, bool]:
    """Return the part of a completion that holds the order, and whether it was broken off.

    >>> answer_text("<think>a</think><answer>[1]</answer><answer>[2]</answer>")
    ('[2]', False)
    >>> answer_text("<answer>[2] > [")
    ('[2] > [', True)
    >>> answer_text("<think>[2] looks")
    ('', True)
    """
    thought = list(_CLOSED_THINK.finditer(completion))
    after = completion[thought[-1].end() :] if thought else completion
    _, opened, answer = after.rpartition("</answer>")[0].rpartition("<answer>")
    if opened:
        return answer.partition("</answer>")[0], False
    _, unclosed, answer = after.rpartition("<answer>")
    if unclosed:
        return answer, True
    if _OPEN_THINK.search(after):
        return "", True
    return after, False
