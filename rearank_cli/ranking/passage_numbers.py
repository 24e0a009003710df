"""Which numbers of an answer name passages, and in which order: steps 4 and 5 of the parser's rule.

Patterns have bounded or possessive repeats, so that the time for a hostile text grows with its length alone.
"""

import re

from rearank_cli.ranking.grading import LABEL, by_rank, by_score

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
_BEGINNING = re.compile(  # a list of one kind only: no numbers of lines, no table
    rf"""
    \[?[\s#]*+[0-9]++(?:{_BESIDE}{_ARROW}{_BESIDE}[0-9]++)++
    | \[[\s#]*+[0-9]++\s*+\](?:[\s,;()-]*+\[[\s#]*+[0-9]++\s*+\])++
    | \[?[0-9]++(?:[\s()]*+,[\s()]*+[0-9]++)++
    """,
    re.VERBOSE,
)
_ONE = r"(?<![0-9])[0-9]{1,9}+"
_SCORE = (
    r"(?:rank|score|rating|grade|relevan(?!t:?\*{0,2}:?\s{0,3}\[)|confiden|probab|similar|"  # but "relevant: [3]"
    r"position|place|point|weight|level|star)"
)
_IN_LIST = rf"[\s\])]{{0,3}}(?:,|{_ARROW})[\s\[(#]{{0,3}}[0-9]"  # what follows a number of a list
_NEVER = re.compile(  # bounded repeats: the time for a hostile text must not grow with its square
    rf"""
    (?<![0-9])[0-9]{{0,9}}+\.[0-9]++                                    # 0.9
    | {_ONE}(?:\s?/\s?[0-9]++)++                                        # 9/10
    | {_ONE}\s?(?:%|(?:st|nd|rd|th)\b)                                  # 95 %, 1st
    | {_SCORE}[a-z]{{0,8}}s["']?\s{{0,3}}[:=]\s{{0,3}}\[[^\]]{{0,999}}\]  # "scores": [9, 8, 7]
    | (?!ranking["']?\s{{0,3}}[:=-]\s{{0,3}}[0-9]{{1,9}}+\s{{1,3}}[0-9])  # "Ranking: 3 1" is an order, and so is
      {_SCORE}[\w-]{{0,20}}["']?\s{{0,3}}(?:is\b|of\b|no\.|[:=#-])?\s{{0,3}}["'(]?[0-9]{{1,9}}+  # "rank": 1
      (?!{_IN_LIST})                                                     #   "Ranking: 3 > 1"
    | (?<!by\s)(?:score|rating|grade)["']?\s{{0,3}}(?:is\b|of\b|[:=])?  # score: [9]
      \s{{0,3}}\[[0-9]{{1,9}}+(?!{_IN_LIST})\]
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
_LABELLED = re.compile(rf"{LABEL}[\s\"'*`:=#._\[(]{{0,6}}([0-9]{{1,6}})(?![0-9])", re.IGNORECASE)
_LISTED = re.compile(
    r"^[^\w\[\n]*+([0-9]++)[.):|,\t -]++[^\n0-9]*+([0-9]++)", re.MULTILINE
)  # 1. Passage 4: 2
_ROW_NUMBER = re.compile(r"^[^\w\n]*+([0-9]++)(?=[^\w\n,>→≻»]++[0-9])", re.MULTILINE)  # | 1 | 4 |


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
    best = max(_chains(likely), key=lambda chain: len(named_places(chain, n)), default=[])
    exact = best if _is_exact(best, n) else by_rank(text, n) or _exact(without_values, likely, n)
    if exact:
        return exact
    if best and 2 * len(named_places(best, n)) >= n:
        return best
    scored = by_score(text, n)
    if scored:
        return scored
    bracketed = _numbers(" ".join(_BRACKETED.findall(likely)))
    if len(named_places(bracketed, n)) > 1 and not _is_count(bracketed):
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
    labelled = labelled if set(labelled) <= {*range(1, n + 1)} else []
    listed = _listed(text)
    orders = (*lists, *rising, listed, labelled[-n:], labelled[:n])
    return next(
        (order for order in orders if _is_exact(order, n) and (order is listed or not _is_count(order))), []
    )


def _most(text: str, n: int) -> list[int]:
    """Return the passages of numbered lines, or those called "Passage 3", if they are most; else nothing."""
    for order in (_listed(text), _labelled(text)):
        if len(order) >= _FEWEST and len(order) == len(named_places(order, n)) >= n / 2:
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
        if pattern is _LINE_NUMBER or len(named_places(_numbers(rest), n)) >= len(counted) > 1:
            text = rest
    return text


def _is_count(numbers: list[int]) -> bool:
    return numbers == [*range(1, len(numbers) + 1)]


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in _NUMBER.findall(text) if len(digits) <= _MOST_DIGITS]


def order_at_start(text: str, n: int) -> tuple[str, bool]:
    """Return the order that a text begins with, and whether it lacks passages; what follows it may be anything."""
    order = _BEGINNING.match(_NEVER.sub(" ", text).lstrip())
    numbers = _numbers(order[0]) if order else []
    return " > ".join(f"[{number}]" for number in numbers), len(named_places(numbers, n)) < n


def named_places(numbers: list[int], n: int) -> tuple[int, ...]:
    """Return the places (0-based) of the passages that are named, each once, in order."""
    return tuple(dict.fromkeys(number - 1 for number in numbers if 1 <= number <= n))
