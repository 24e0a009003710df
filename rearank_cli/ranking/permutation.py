"""Reading an order out of what a model wrote. Never raises on model text, never hides how it was read.

The rule, in order; the README says the same:

1. Reasoning is no answer. Only what follows it counts, and nothing counts while it is open.
2. In that text the last closed `<answer>` counts, else one that was never closed, else all of the text.
3. A completion that was cut off counts only if its answer was whole: one in tags that begins the completion or
   follows the reasoning at once, or an order of all passages that begins the text. Else it is truncated.
4. Some numbers never name a passage: decimals, percentages, fractions, ordinals, ranks and scores, the number of
   a line, a count of passages (unless there are no others).
5. Of the others, the first of these counts alone: an order written with `>` that names every passage once; the
   ranks beside the passages; one list, numbered lines, or "Passage 3" and its like, that name every passage once
   and not just as presented; an order written with `>` that names half of them; the scores beside passages that
   stand as presented; two or more numbers in brackets that do not only count 1, 2, 3 ...; numbered lines or
   "Passage 3" and its like that name half. Else all numbers count.
6. Numbers out of range and repeats are dropped; passages that were left out follow in their old order.
"""

from rearank_cli.ranking.passage_numbers import named_places, order_at_start, passage_numbers
from rearank_cli.reasoning import ANSWER, ANSWER_END, answer_end, outside_reasoning
from rearank_cli.records import Outcome, Permutation


def parse(completion: str, n: int, *, cut: bool = False) -> Permutation:
    """Return the order that a completion gives `n` passages; passages it leaves out follow in their old order.

    `cut` says that the completion did not end by itself (its tokens ran out).

    >>> parse("<think>[1] is off topic</think><answer>[2] > [3] > [1]</answer>", 3)
    Permutation(order=(1, 2, 0), outcome=<Outcome.CLEAN: 'clean'>)
    >>> parse("[3] > [3] > [9] > [2]", 3)
    Permutation(order=(2, 1, 0), outcome=<Outcome.REPAIRED: 'repaired'>)
    >>> parse("<think>[2] looks better than [1]", 2)
    Permutation(order=(0, 1), outcome=<Outcome.TRUNCATED: 'truncated'>)
    >>> parse("1. [2] (0.9)\\n2. [1] (0.7)", 2)
    Permutation(order=(1, 0), outcome=<Outcome.CLEAN: 'clean'>)
    """
    text, broken_off = answer_text(completion, n, cut=cut)
    numbers = passage_numbers(text, n)
    named = named_places(numbers, n)
    order = (*named, *sorted(set(range(n)).difference(named)))
    return Permutation(order, _outcome(len(numbers), len(named), n, broken_off=broken_off))


def _outcome(numbers: int, named: int, n: int, *, broken_off: bool) -> Outcome:
    if broken_off:
        return Outcome.TRUNCATED
    if not named and n:
        return Outcome.EMPTY
    if 2 * named < n:
        return Outcome.PARTIAL
    return Outcome.CLEAN if numbers == named == n else Outcome.REPAIRED


def answer_text(completion: str, n: int, *, cut: bool = False) -> tuple[str, bool]:
    """Return the part of a completion that holds the order of `n` passages, and whether it was broken off.

    >>> answer_text("<think>a</think><answer>[1]</answer><answer>[2]</answer>", 2)
    ('[2]', False)
    >>> answer_text("<answer>[2] > [", 2)
    ('[2] > [', True)
    >>> answer_text("<think>as in <answer>[2]</answer>", 2), answer_text("so, 3000", 2, cut=True)
    (('', True), ('', True))
    """
    end = answer_end(completion) if cut else None
    if end is not None:
        completion, cut = completion[:end], False
    after, thinking = outside_reasoning(completion, nested=cut)
    _, opened, answer = after.rpartition(ANSWER_END)[0].rpartition(ANSWER)
    if opened and not cut:
        return answer.partition(ANSWER_END)[0], False
    _, unclosed, answer = after.rpartition(ANSWER)
    if unclosed and not opened:
        return answer, True
    if thinking or opened:
        return "", True
    return order_at_start(after, n) if cut else (after, False)
