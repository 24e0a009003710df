"""The embedded BM25: Lucene's scores, and what becomes of odd queries and documents."""

import pytest

from rearank_cli.retrieval import bm25

WORDS = ("flea", "host", "dog", "cat", "jump", "blood", "bite", "nest", "larva", "egg")


def words(length: int, step: int) -> str:
    return " ".join(WORDS[place * step % len(WORDS)] for place in range(length))


# Lengths on both sides of 40, where Lucene begins to round; one without a word, one of stop words only.
DOCUMENTS = {
    "d1": "fleas", "d2": words(23, 3), "d3": words(41, 7), "d4": words(57, 1), "d5": f"{words(200, 9)} fleas",
    "d6": "", "d7": "fleas fleas cats", "d10": "fleas", "d8": "the of", "d9": words(43, 7),
}  # fmt: skip

# What Anserini 1.7.1 (Lucene 9.9.1, k1 0.9, b 0.4) answers over these documents.
LUCENE = {
    "fleas": "d5 .0520 d4 .0492 d3 .0488 d9 .0487 d2 .0461 d7 .0446 d1 .0369 d10 .0369",
    "fleas fleas dog": "d5 .5497 d4 .5219 d3 .5037 d9 .5022 d2 .4545 d7 .0892 d1 .0739 d10 .0739",
    "cat's nests": "d5 .7403 d4 .6920 d9 .6872 d3 .6744 d2 .6248 d7 .2082",
    "elephants": "",
    "the": "",
}


def ranked(query: str, hits: int = 100, documents: dict[str, str] = DOCUMENTS) -> list[tuple[str, float]]:
    index = bm25.build(documents.items())
    return [(list(documents)[row], score) for row, score in bm25.search(index, query, hits)]


@pytest.mark.parametrize("query", LUCENE)
def test_scores_and_order_are_those_of_lucene(query: str) -> None:
    expected = LUCENE[query].split()
    found = ranked(query)
    assert [docid for docid, _ in found] == expected[::2]
    assert [score for _, score in found] == pytest.approx(
        [float(score) for score in expected[1::2]], abs=5e-5
    )


@pytest.mark.parametrize("hits", range(1, 10))
def test_fewer_hits_are_the_first_of_more(hits: int) -> None:
    assert ranked("fleas", hits) == ranked("fleas")[:hits]


def test_equal_scores_are_ranked_by_docid_whatever_the_order_of_the_collection() -> None:
    docids = ["b", "a10", "c", "a9", "a1"]
    for order in (docids, docids[::-1], sorted(docids)):
        found = ranked("fleas", 3, dict.fromkeys(order, "fleas"))
        assert [docid for docid, _ in found] == ["a1", "a10", "a9"]


@pytest.mark.parametrize("query", ["", " ", "?!", "the of", "\u6771\u4eac", "\U0001f600"])
def test_a_query_without_a_known_term_finds_nothing(query: str) -> None:
    assert ranked(query) == []


def test_a_query_of_ten_thousand_words_is_answered() -> None:
    assert [docid for docid, _ in ranked(words(10_000, 1), 2)] == ["d5", "d4"]


def test_a_document_of_ten_million_bytes_is_indexed() -> None:
    documents = {"long": "flea host " * 1_000_000, "short": "flea"}
    assert {docid for docid, _ in ranked("flea", documents=documents)} == {"long", "short"}


def test_unicode_queries_find_unicode_documents() -> None:
    documents = {"jp": "\u6771\u4eac\u30bf\u30ef\u30fc", "gr": "\u03bf\u03b4\u03cc\u03c2", "en": "tower"}
    assert [docid for docid, _ in ranked("\u4eac", documents=documents)] == ["jp"]
    assert [docid for docid, _ in ranked("\u039f\u0394\u03cc\u03a3", documents=documents)] == []
    assert [docid for docid, _ in ranked("TOWER", documents=documents)] == ["en"]


@pytest.mark.parametrize("documents", [{"a": ""}, {"a": "the", "b": ""}])
def test_a_collection_without_a_term_answers_nothing(documents: dict[str, str]) -> None:
    assert ranked("the fleas", documents=documents) == []


def test_b_and_k1_do_what_they_say() -> None:
    documents = {"short": "flea", "long": "flea host dog cat", "often": "flea flea flea host"}
    flat = bm25.build(documents.items(), k1=0.9, b=0)
    scores = dict(bm25.search(flat, "flea", 10))
    assert scores[0] == scores[1] < scores[2]  # length does not count
    once = bm25.build(documents.items(), k1=0, b=0.4)
    assert len(set(dict(bm25.search(once, "flea", 10)).values())) == 1  # repetition does not count
