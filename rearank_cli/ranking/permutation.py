"""Reading an order out of what a model wrote. Never raises on model text, never hides how it was read.

The rule, in order; the README says the same:

1. Reasoning is no answer. Only what follows it counts, and nothing counts while it is open.
2. In that text the last closed `<answer>` counts, else one that was never closed, else all of the text.
3. A completion that was cut off counts only if its answer was whole: one in tags that begins the completion or
   follows the reasoning at once, or an order of all passages that begins the text. Else it is truncated.
4. Some numbers never name a passage: decimals, percentages, fractions, ordinals, ranks and scores, the number of
   a line, a count of passages (unless there are no others).
5. Of the others, an order written with `>` counts alone if it names half of the passages; else numbers in
   brackets count alone if there are two, unless they only count 1, 2, 3 ...; else all numbers do.
6. Numbers out of range and repeats are dropped; passages that were left out follow in their old order.
"""

import re

from rearank_cli.reasoning import ANSWER, ANSWER_END, answer_end, outside_reasoning
from rearank_cli.records import Outcome, Permutation

_MOST_DIGITS = 6  # a longer run of digits is no passage number
_NUMBER = re.compile(r"[0-9]+")
_ORDER = re.compile(r"\s*+\[[0-9]++\](?:\s*+>\s*+\[[0-9]++\])*+\s*+")  # as asked for: needs no rule
_BRACKETED = re.compile(r"\[[\s#]*+[0-9]++(?:\s*+,\s*+[0-9]++)*+\s*+\]")
_ARROW = r"(?:>|&gt;|→|≻|»)"
_BESIDE = (
    r"[\s\[\](){}#*\"'`_|,=~-]*+"  # what may stand between an arrow and a number, or two numbers of a list
)
_CHAIN = re.compile(rf"(?<![0-9])[0-9]++(?:{_BESIDE}(?:{_ARROW}{_BESIDE})*+[0-9]++)++")
_BEGINNING = re.compile(  # a list of one kind only: no numbers of lines, no table
    rf"""
    \[?[\s#]*+[0-9]++(?:{_BESIDE}{_ARROW}{_BESIDE}[0-9]++)++
    | \[[\s#]*+[0-9]++\s*+\](?:[\s,;()-]*+\[[\s#]*+[0-9]++\s*+\])++
    | \[?[0-9]++(?:[\s()]*+,[\s()]*+[0-9]++)++
    """,
    re.VERBOSE,
)
_ONE = r"(?<![0-9])[0-9]{1,9}+"
_SCORE = r"(?:rank|score|rating|grade|relevan|confiden|probab|similar|position|place|point|weight|level|star)"
_LISTED = rf"[\s\])]{{0,3}}(?:,|{_ARROW})[\s\[(#]{{0,3}}[0-9]"  # what follows a number of a list
_NEVER = re.compile(  # bounded repeats: the time for a hostile text must not grow with its square
    rf"""
    (?<![0-9])[0-9]{{0,9}}+\.[0-9]++                                    # 0.9
    | {_ONE}(?:\s?/\s?[0-9]++)++                                        # 9/10
    | {_ONE}\s?(?:%|(?:st|nd|rd|th)\b)                                  # 95 %, 1st
    | {_SCORE}[a-z]{{0,8}}s["']?\s{{0,3}}[:=]\s{{0,3}}\[[^\]]{{0,999}}\]  # "scores": [9, 8, 7]
    | (?!ranking["']?\s{{0,3}}[:=-]\s{{0,3}}[0-9]{{1,9}}+\s{{1,3}}[0-9])  # "Ranking: 3 1" is an order, and so is
      {_SCORE}[\w-]{{0,20}}["']?\s{{0,3}}(?:is\b|of\b|no\.|[:=#-])?\s{{0,3}}["'(]?[0-9]{{1,9}}+  # "rank": 1
      (?!{_LISTED})                                                     #   "Ranking: 3 > 1"
    | (?<!by\s)(?:score|rating|grade)["']?\s{{0,3}}(?:is\b|of\b|[:=])?  # score: [9]
      \s{{0,3}}\[[0-9]{{1,9}}+(?!{_LISTED})\]
    | \b(?:rank|position|place)\s{{0,3}}\[[0-9]{{1,9}}+\]               # Rank [1]: [4]
      (?=\s{{0,3}}[:=-]\s{{0,3}}(?:[a-z]{{1,15}}\s)?[\[#]?[0-9])
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
_ROW_NUMBER = re.compile(r"^[^\w\n]*+([0-9]++)(?=[^\w\n,>→≻»]++[0-9])", re.MULTILINE)  # | 1 | 4 |


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
    order = _BEGINNING.match(_NEVER.sub(" ", text).lstrip())
    numbers = _numbers(order[0]) if order else []
    return " > ".join(f"[{number}]" for number in numbers), len(_named(numbers, n)) < n


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
    likely = _without_line_numbers(_NEVER.sub(" ", text), n)
    best = max(_chains(likely), key=lambda chain: len(_named(chain, n)), default=[])
    if best and 2 * len(_named(best, n)) >= n:
        return best
    bracketed = _numbers(" ".join(_BRACKETED.findall(likely)))
    if len(_named(bracketed, n)) > 1 and not _is_count(bracketed):
        return bracketed
    return _numbers(_COUNT.sub(" ", likely)) or _numbers(likely)


def _chains(text: str) -> list[list[int]]:
    """Return the orders that are written with arrows, the last one first."""
    return [_numbers(chain) for chain in reversed(_CHAIN.findall(text)) if re.search(_ARROW, chain)]


def _without_line_numbers(text: str, n: int) -> str:
    """Return a text without the numbers of its lines, if they count 1, 2, 3 ... beside other numbers."""
    if _is_count([int(number[:9]) for number in _LINE_NUMBER.findall(text)]):
        text = _LINE_NUMBER.sub(" ", text)
    rows = [int(number[:9]) for number in _ROW_NUMBER.findall(text)]
    if len(rows) > 1 and _is_count(rows):
        rest = _ROW_NUMBER.sub(" ", text)
        return rest if len(_named(_numbers(rest), n)) >= len(rows) else text
    return text


def _is_count(numbers: list[int]) -> bool:
    return numbers == [*range(1, len(numbers) + 1)]


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in _NUMBER.findall(text) if len(digits) <= _MOST_DIGITS]
