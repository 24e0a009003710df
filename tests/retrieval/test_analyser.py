"""The analyser against Lucene's own tokens: what Anserini's DefaultEnglishAnalyzer (Lucene 9.9.1) gave."""

import pytest

from rearank_cli.retrieval.analyser import analyse

LUCENE = {
    "x_y __ _ a__b": ["x_y", "a__b"],
    "C++ C# .NET": ["c", "c", "net"],
    "3,000.5 1;2 a,b 1.a a.1": ["3,000.5", "1;2", "b", "1", "1"],
    "O'Neil's rock\u2019n\u2019roll": ["o'neil", "rock\u2019n\u2019rol"],
    "the's 's s'": ["s", "s"],
    "can't don't it's": ["can't", "don't"],
    "a.b.c a:b x\u00b7y": ["a.b.c", "a:b", "x\u00b7y"],
    "e-mail http://www.x.com/a_b?c=1 me@x.org": ["e", "mail", "http", "www.x.com", "a_b", "c", "1", "me", "x.org"],
    "1st 2nd 3a a3": ["1st", "2nd", "3a", "a3"],
    "ecologi possibli apologi biologically terribly ably": ["ecolog", "possibl", "apolog", "biolog", "terribl", "abli"],
    "..a": [],
    "x\u00b2y H\u2082O \u00bd \u2460": ["x", "y", "h", "o"],
    "na\u00efve Stra\u00dfe \u0152UVRE": ["na\u00efv", "stra\u00dfe", "\u0153uvr"],
    "\u039f\u0394\u039f\u03a3": ["\u03bf\u03b4\u03bf\u03c3"],  # no final sigma
    "\u0130stanbul": ["istanbul"],
    "e\u0301cole": ["e\u0301col"],  # a letter and its accent apart
    "co\u00adoperate": ["co\u00adoper"],
    "\u200bzero\u200bwidth": ["zero", "width"],
    "foo\x85bar\x80baz": ["foo", "bar", "baz"],
    "\u6771\u4eac\u30bf\u30ef\u30fc \u306b\u307b": ["\u6771", "\u4eac", "\u30bf\u30ef\u30fc", "\u306b", "\u307b"],
    "\ud55c\uad6d\uc5b4": ["\ud55c\uad6d\uc5b4"],
    "\u0939\u093f\u0928\u094d\u0926\u0940": ["\u0939\u093f\u0928\u094d\u0926\u0940"],
    "\u0663\u066c\u0664": ["\u0663\u066c\u0664"],
    "\uff46\uff55 \uff11\uff12": ["\uff46\uff55", "\uff11\uff12"],
    "\u00a9 \U0001f600": ["\u00a9", "\U0001f600"],
    "\U0001f64f\U0001f3ff \u2764\ufe0f": ["\U0001f64f\U0001f3ff", "\u2764\ufe0f"],
    "\U0001f469\u200d\U0001f469\u200d\U0001f467": ["\U0001f469\u200d\U0001f469\u200d\U0001f467"],
    "a" * 300: ["a" * 255, "a" * 45],
    "": [],
    "The and OF": [],
}  # fmt: skip


@pytest.mark.parametrize(("text", "terms"), LUCENE.items(), ids=map(ascii, LUCENE))
def test_the_terms_are_those_of_lucene(text: str, terms: list[str]) -> None:
    assert analyse(text) == terms


@pytest.mark.parametrize("text", [text for text in LUCENE if text.isascii()])
def test_a_foreign_character_elsewhere_changes_nothing(text: str) -> None:
    """ASCII texts have a faster pattern; it finds what the other finds."""
    assert analyse(f"{text} \u00e9") == [*LUCENE[text], "\u00e9"]
