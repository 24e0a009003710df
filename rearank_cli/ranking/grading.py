"""Orders that an answer gives by a rank or score beside each passage, and not by where it names them."""

import re

LABEL = r"(?:passage|document|\bdoc|paragraph|\bid|段落|文档|文章)(?:[\s_-]?(?:id|number|num|no|index))?"
"""What may stand before the number of a passage in place of brackets."""

_ID = rf"(?i:{LABEL}|(?=\[))[\s\"'*`:=#>._\[(]{{0,6}}([0-9]{{1,6}})(?![0-9])"
_PLACE = r"(?i:rank|position|place)"
_MERIT = r"(?i:score|relevan|rating|grade)"
_VALUE = r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(?![0-9]|\.[0-9])"
_RANK = rf"{_PLACE}[a-z]{{0,3}}[^0-9\n{{}}]{{0,8}}?{_VALUE}"
_ID_RANK = re.compile(rf"{_ID}[^0-9{{}}]{{0,60}}?{_RANK}")
_RANK_ID = re.compile(rf"{_RANK}[^0-9{{}}]{{0,60}}?{_ID}")
_ID_SCORE = re.compile(rf"{_ID}[^0-9{{}}]{{0,60}}?{_MERIT}[^0-9\n{{}}]{{0,20}}?{_VALUE}")
_ID_VALUE = re.compile(  # [1]: 8/10
    rf"{_ID}[\])\"'*`]{{0,5}}\s{{0,3}}[:=\u2013-]?\s{{0,3}}{_VALUE}(?:\s?/\s?[0-9]{{1,3}})?(?=\s{{0,3}}(?:[,;}}\n]|\Z))"
)
_ROW = re.compile(rf"^[^\w\n]*+([0-9]{{1,6}})[^\w\n]++{_VALUE}", re.MULTILINE)
_RANK_HEADER, _SCORE_HEADER = (
    re.compile(rf"^[^\w\n]*+(?i:{LABEL})[^\w\n]{{1,20}}[\w ]{{0,20}}{of}[^\n]*+$", re.MULTILINE)
    for of in (_PLACE, _MERIT)
)


def by_rank(text: str, n: int) -> list[int]:
    """Return the numbers of `n` passages, best first, if a text gives each one a rank; else nothing.

    >>> by_rank('[{"passage": 1, "rank": 2}, {"passage": 2, "rank": 1}]', 2), by_rank("Passage 1: 2\\nPassage 2: 1", 2)
    ([2, 1], [2, 1])
    >>> by_rank("| Passage | Rank |\\n| 1 | 2 |\\n| 2 | 1 |", 2), by_rank("Rank 1: [2], rank 2: [1]", 2)
    ([2, 1], [2, 1])
    """
    every = [*range(1, n + 1)]
    listed = _ID_RANK.findall(text)
    turned = [(number, rank) for rank, number in _RANK_ID.findall(text)]
    first, turned_first = _ID_RANK.search(text), _RANK_ID.search(text)
    if (
        first and turned_first and turned_first.start() < first.start()
    ):  # "Rank 1: [2]", and not "[2]: rank 1"
        listed, turned = turned, listed
    bare = _ID_VALUE.findall(text)
    # In another order than the one presented, a bare number may as well be a score.
    presented = [int(number) for number, _ in bare] == every
    for found in (_table(_RANK_HEADER, text), listed, turned, bare if presented else []):
        ranked = sorted((float(rank), int(number)) for number, rank in found)
        if [rank for rank, _ in ranked] == every == sorted(number for _, number in ranked):
            return [number for _, number in ranked]
    return []


def by_score(text: str, n: int) -> list[int]:
    """Return the numbers of `n` passages, highest score first, if a text scores them in the order presented.

    If they stand in another order, the model has ordered them itself, and nothing is returned.

    >>> by_score("Passage 1 (score: 3), Passage 2 (score: 8.5)", 2), by_score("[2] (score 3), [1] (score 8)", 2)
    ([2, 1], [])
    >>> by_score("[1]: 3/10\\n[2]: 8/10", 2), by_score("| ID | Score |\\n| 1 | 3 |\\n| 2 | 8 |", 2)
    ([2, 1], [2, 1])
    """
    for found in (_table(_SCORE_HEADER, text), _ID_SCORE.findall(text), _ID_VALUE.findall(text)):
        scored = [(-float(score), int(number)) for number, score in found]
        if n > 1 and [number for _, number in scored] == [*range(1, n + 1)]:
            return [number for _, number in sorted(scored)]
    return []


def _table(header: re.Pattern[str], text: str) -> list[tuple[str, str]]:
    """Return the first two numbers of each row of a table of passages."""
    found = header.search(text)
    return _ROW.findall(text, found.end()) if found else []
