"""Lucene's English analysis without Java: the tokens that Anserini indexes, from `re` and PyStemmer.

In Lucene's order: StandardTokenizer (Unicode's UAX #29), the possessive 's, lower case, 33 stop words,
Porter's stemmer as Porter published it later (with its departures).
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import Stemmer

NAME = "lucene-english-1"
"""Part of an index's key: it changes when the terms do."""

STOP_WORDS = frozenset(
    (
        *(
            "a",
            "an",
            "and",
            "are",
            "as",
            "at",
            "be",
            "but",
            "by",
            "for",
            "if",
            "in",
            "into",
            "is",
            "it",
            "no",
            "not",
        ),
        *(
            "of",
            "on",
            "or",
            "such",
            "that",
            "the",
            "their",
            "then",
            "there",
            "these",
            "they",
            "this",
            "to",
            "was",
        ),
        *("will", "with"),
    )
)
APOSTROPHES = "'\u2019\uff07"
SHORTEST_STEMMED = 3
LONGEST = 255  # StandardTokenizer cuts longer runs

# Unicode's classes, as far as Python's \w differs from what StandardTokenizer joins into a word.
NUMERALS = "\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u209f\u2150-\u215f\u2189\u2460-\u249b\u24ea-\u24ff"
KATAKANA = "\u3031-\u3035\u309b\u309c\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
ALONE = "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
PICTURES = (  # Extended_Pictographic, each a token
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3"
    "\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2604\u2607-\u2612\u2614-\u2685\u2690-\u2705"
    "\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767"
    "\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff"
)
BETWEEN_LETTERS = ".:'\u00b7\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a"
BETWEEN_DIGITS = ".,;'\u2018\u2019\u066c\ufe10\ufe14\ufe50\ufe54\uff07\uff0c\uff0e\uff1b"


def analyse(text: str) -> list[str]:
    r"""Return the terms of a text in order, repetitions kept.

    >>> analyse("The fleas' hosts, Rome's U.S.A. 3.14 km\u00b2 of state_of-the_art")
    ['flea', 'host', 'rome', 'u.s.a', '3.14', 'km', 'state_of', 'the_art']
    """
    tokens = _ascii_tokens() if text.isascii() else _unicode_tokens()
    return [term for token in tokens.findall(text) if (term := _term(token))]


@cache
def _ascii_tokens() -> re.Pattern[str]:
    """The pattern for ASCII alone: the same tokens, found faster."""
    return re.compile(_pattern("[A-Za-z0-9_]", "[A-Za-z0-9_]", "[A-Za-z]", "[0-9]", "[.:']", "[.,;']"))


@cache
def _unicode_tokens() -> re.Pattern[str]:
    word = rf"(?:[^\W{NUMERALS}{ALONE}{KATAKANA}]|\u202f)"
    marks = _characters({"Mn", "Mc", "Me", "Cf"}).replace("\u200b", "")
    letter = rf"[^\W\d_{ALONE}{KATAKANA}]"
    joined = _pattern(
        word, f"(?:{word}|[{marks}])", letter, r"\d", f"[{BETWEEN_LETTERS}]", f"[{BETWEEN_DIGITS}]"
    )
    picture = f"[{PICTURES}][\ufe0f\U0001f3fb-\U0001f3ff]?"
    return re.compile(f"[{ALONE}]|[{KATAKANA}]+|{picture}(?:\u200d{picture})*|{joined}")


def _pattern(first: str, other: str, letter: str, digit: str, in_word: str, in_number: str) -> str:
    """Return a pattern of runs, joined by one mark between two letters or between two digits."""
    run = f"{first}{other}{{0,{LONGEST - 1}}}"
    return rf"{run}(?:(?:(?<={letter}){in_word}(?={letter})|(?<={digit}){in_number}(?={digit})){run})*"


def _characters(categories: set[str]) -> str:
    """Return the characters of these Unicode categories, as far as U+FFFE."""
    return "".join(chr(code) for code in range(0x80, 0xFFFF) if unicodedata.category(chr(code)) in categories)


@lru_cache(maxsize=1 << 18)
def _term(token: str) -> str:
    """Return the term of a token, or "" for a stop word and for mere underscores.

    >>> _term("Fleas"), _term("The"), _term("__"), _term("us"), _term("Ecology's")
    ('flea', '', '', 'us', 'ecolog')
    """
    if len(token) > 1 and token[-1] in "sS" and token[-2] in APOSTROPHES:
        token = token[:-2]
    # Java lowers one character at a time: no final sigma, no dot left over from a Turkish I.
    word = token.replace("\u03a3", "\u03c3").replace("\u0130", "i").lower()
    return "" if word in STOP_WORDS or not word.strip("_") else _stem(word)


def _stem(word: str) -> str:
    """Return Porter's stem; PyStemmer's is the paper's, Lucene's has Porter's two later departures.

    >>> _stem("apologize"), _stem("ecology"), _stem("possibly"), _stem("us")
    ('apolog', 'ecolog', 'possibl', 'us')
    """
    if len(word) < SHORTEST_STEMMED:
        return word
    stem = _porter(word)
    if stem.endswith("logi") and re.search("[aeiouy][^aeiou]", stem[:-4]):
        return stem[:-1]
    if stem.endswith("bli") and re.search("[aeiouy][^aeiou]", stem[:-3]):
        return _porter(stem[:-1] + "e")
    return stem


def _porter(word: str) -> str:
    return cast(str, _stemmer().stemWord(word))


@cache
def _stemmer() -> "Stemmer.Stemmer":
    import Stemmer  # loaded with the first word, so that --help stays quick

    return Stemmer.Stemmer("porter")
