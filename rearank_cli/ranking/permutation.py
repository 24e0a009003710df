"""Reading an order out of what a model wrote. Never raises on model text, never hides how it was read.

The rule, in order; the README says the same:

1. Reasoning is no answer. Only what follows it counts, and nothing counts while it is open.
2. In that text the last closed `<answer>` counts, else one that was never closed, else all of the text.
3. A completion that was cut off counts only if its answer was whole: one in tags that begins the completion or
   follows the reasoning at once, or an order of all passages that begins the text. Else it is truncated.
4. Some numbers never name a passage: decimals, percentages, fractions, ordinals, ranks and scores, the number of
   a line, a count of passages.
5. Of the others, an order written with `>` that names every passage once counts alone. Else one by a rank beside
   each passage does, or one list, numbered lines or "Passage 3" and its like that name every passage once, and not
   just as presented. Else an order written with `>` counts alone if it names half of the passages; else scores
   beside passages that stand as presented; else numbers in brackets if there are two, unless they only count
   1, 2, 3 ...; else numbered lines and "Passage 3" if they name half; else all numbers do.
6. Numbers out of range and repeats are dropped; passages that were left out follow in their old order.
"""

import re

from rearank_cli.ranking.grading import LABEL, by_rank, by_score
from rearank_cli.reasoning import ANSWER, ANSWER_END, answer_end, outside_reasoning
from rearank_cli.records import Outcome, Permutation

_MOST_DIGITS = 6  # a longer run of digits is no passage number
_FEWEST = 3  # passages of which two numbers in prose are no order
_NUMBER = re.compile(r"[0-9]+")
_ORDER = re.compile(r"\s*+\[[0-9]++\](?:\s*+>\s*+\[[0-9]++\])*+\s*+")  # as asked for: needs no rule
_BRACKETED = re.compile(r"\[[\s#]*+[0-9]++(?:\s*+,\s*+[0-9]++)*+\s*+\]")
_ARROW = r"(?:>|&gt;|→|≻|»)"
_BESIDE = (
    r"[\s\[\](){}#*\"'`_|,=~-]*+"  # what may stand between an arrow and a number, or two numbers of a list
)
_RISING = re.compile(r"(?<![0-9])[0-9]++(?:[\s\]]*+<[\s\[]*+[0-9]++)++")  # the last one is the best
_INLINE_NUMBER = re.compile(rf"(?<![\w\].])([0-9]{{1,6}}+)[.)]\s{{0,2}}(?=\[?[0-9]|{LABEL})", re.IGNORECASE)
_CHAIN = re.compile(rf"(?<![0-9])[0-9]++(?:{_BESIDE}(?:{_ARROW}{_BESIDE})*+[0-9]++)++")
_ONE = r"(?<![0-9])[0-9]{1,9}+"
_SCORE = (
    r"(?:rank|score|rating|grade|relevan(?!t:?\*{0,2}:?\s{0,3}\[)|confiden|probab|similar|"  # but "relevant: [3]"
    r"position|place|point|weight|level|star)"
)
_NEVER = re.compile(  # bounded repeats: the time for a hostile text must not grow with its square
    rf"""
    (?<![0-9])[0-9]{{0,9}}+\.[0-9]++                                    # 0.9
    | {_ONE}\s?(?:%|/\s?[0-9]|(?:st|nd|rd|th)\b)                        # 95 %, 9/10, 1st
    | {_SCORE}[a-z]{{0,8}}s["']?\s{{0,3}}[:=]\s{{0,3}}\[[^\]]{{0,999}}\]  # "scores": [9, 8, 7]
    | {_SCORE}[\w-]{{0,20}}["']?\s{{0,3}}(?:is\b|of\b|no\.|[:=#-])?\s{{0,3}}["'(\[]?[0-9]{{1,9}}+  # "rank": 1
      (?![\s\])]{{0,3}}(?:,|{_ARROW})[\s\[(#]{{0,3}}[0-9])              #   but "Ranking: 3 > 1" is an order
    | (?<=[\]0-9])\s{{0,3}}\(\s{{0,3}}[0-9]{{1,9}}+\s{{0,3}}\)          # [3] (9)
    | (?<=\])\s{{0,3}}[:=]\s{{0,3}}[0-9]{{1,9}}+\b(?!\s?\])             # [3]: 9
    """,
    re.VERBOSE | re.IGNORECASE,
)
_COUNT = re.compile(
    rf"""
    \b(?:best|top|first|last|all|only)\s{{1,3}}[0-9]{{1,9}}+\b          # the best 2
    | {_ONE}\s{{1,3}}(?:[a-z]{{1,15}}\s{{1,3}})?(?:passage|document|result|item|text)s\b  # 20 passages
    | \bfrom\s[0-9]{{1,9}}+\sto\s[0-9]{{1,9}}+                          # from 1 to 20
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LINE_NUMBER = re.compile(r"^[^\w\[\n]*+([0-9]++)[.)](?=[^\n]*\w)", re.MULTILINE)  # 1. Passage 4
_LABELLED = re.compile(rf"{LABEL}[\s\"'*`:=#._\[(]{{0,6}}([0-9]{{1,6}})(?![0-9])", re.IGNORECASE)
_LISTED = re.compile(
    r"^[^\w\[\n]*+([0-9]++)[.):|,\t -]++[^\n0-9]*+([0-9]++)", re.MULTILINE
)  # 1. Passage 4: 2
_ROW_NUMBER = re.compile(r"^[^\w\n]*+([0-9]++)(?=[^\w\n,>]++[0-9])", re.MULTILINE)  # | 1 | 4 |


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
    named = _named(numbers, n)
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


def _named(numbers: list[int], n: int) -> tuple[int, ...]:
    """Return the places (0-based) of the passages that are named, each once, in order."""
    return tuple(dict.fromkeys(number - 1 for number in numbers if 1 <= number <= n))


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
    return _order_at_start(after, n) if cut else (after, False)


def _order_at_start(text: str, n: int) -> tuple[str, bool]:
    """Return the order that a text begins with, and whether it lacks passages; what follows it may be anything."""
    order = _CHAIN.match(text.lstrip(" \n["))
    numbers = _numbers(order[0]) if order else []
    return order[0] if order else "", len(_named(numbers, n)) < n


def passage_numbers(text: str, n: int) -> list[int]:
    """Return the numbers in an answer that name passages 1 to `n`, or would if they were in range, as they stand.

    >>> passage_numbers("[2] (0.9) > [1] (0.8)", 2), passage_numbers("The best 2 are 3 and 1", 4)
    ([2, 1], [3, 1])
    >>> passage_numbers('[{"rank": 1, "id": 3}, {"rank": 2, "id": 1}]', 3), passage_numbers("1) 3\\n2) 2", 3)
    ([3, 1], [3, 2])
    >>> passage_numbers("20 passages are provided", 20)
    [20]
    """
    if _ORDER.fullmatch(text):
        return _numbers(text)
    without_values = _NEVER.sub(" ", text)
    likely = _without_line_numbers(without_values, n)
    best = max(_chains(likely), key=lambda chain: len(_named(chain, n)), default=[])
    exact = best if _is_exact(best, n) else by_rank(text, n) or _exact(without_values, likely, n)
    if exact:
        return exact
    if best and 2 * len(_named(best, n)) >= n:
        return best
    scored = by_score(text, n)
    if scored:
        return scored
    bracketed = _numbers(" ".join(_BRACKETED.findall(likely)))
    if len(_named(bracketed, n)) > 1 and not _is_count(bracketed):
        return bracketed
    return _most(without_values, n) or _numbers(_COUNT.sub(" ", likely)) or _numbers(likely)


def _chains(text: str) -> list[list[int]]:
    """Return the orders that are written with arrows, the last one first."""
    return [_numbers(chain) for chain in reversed(_CHAIN.findall(text)) if re.search(_ARROW, chain)]


def _exact(text: str, likely: str, n: int) -> list[int]:
    """Return an order that names each of `n` passages once, if there is one beside other numbers; else nothing.

    `likely` is the text without the numbers of its lines. Passages that only stand in the order presented may
    have been gone through one by one, unless their lines are numbered.
    """
    if n < _FEWEST:
        return []
    lists = [_numbers(chain) for chain in reversed(_CHAIN.findall(likely))]
    rising = [_numbers(chain)[::-1] for chain in reversed(_RISING.findall(likely))]
    labelled = _labelled(text)
    listed = _listed(text)
    orders = (*lists, *rising, listed, labelled[-n:], labelled[:n])
    return next(
        (order for order in orders if _is_exact(order, n) and (order is listed or not _is_count(order))), []
    )


def _most(text: str, n: int) -> list[int]:
    """Return the passages of numbered lines, or those called "Passage 3", if they are most; else nothing."""
    for order in (_listed(text), _labelled(text)):
        if len(order) >= _FEWEST and len(order) == len(_named(order, n)) >= n / 2:
            return order
    return []


def _labelled(text: str) -> list[int]:
    return [int(number) for number in _LABELLED.findall(text)]


def _listed(text: str) -> list[int]:
    """Return the first number of each numbered line, nothing if the lines do not count 1, 2, 3 ..."""
    lines = [(int(line[:9]), int(first[:9])) for line, first in _LISTED.findall(text)]
    return [first for _, first in lines] if _is_count([line for line, _ in lines]) else []


def _is_exact(numbers: list[int], n: int) -> bool:
    return sorted(numbers) == [*range(1, n + 1)]


def _without_line_numbers(text: str, n: int) -> str:
    """Return a text without the numbers of its lines, if they count 1, 2, 3 ... beside other numbers."""
    for pattern in (_INLINE_NUMBER, _LINE_NUMBER, _ROW_NUMBER):
        counted = [int(number[:9]) for number in pattern.findall(text)]
        rest = pattern.sub(" ", text) if _is_count(counted) else text
        if pattern is _LINE_NUMBER or len(_named(_numbers(rest), n)) >= len(counted) > 1:
            text = rest
    return text


def _is_count(numbers: list[int]) -> bool:
    return numbers == [*range(1, len(numbers) + 1)]


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in _NUMBER.findall(text) if len(digits) <= _MOST_DIGITS]
