"""Write the demo collection: a small language, passages in it, queries, exact judgements.

    python recipes/demo/collection.py OUT

The language has 5 slots (person, action, quality, thing, place) of 8 concepts each, and every concept has
3 words for it. A query is three words of three different slots: `physician cracked settee`. A passage is
one template filled with words. What it is worth is known exactly: all three concepts of the query in any
words are grade 2, two of them grade 1, fewer are not relevant. Most shared concepts are said with another
word than the query's, which a lexical retriever cannot see and a model can learn.

OUT becomes a folder in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/train.tsv and qrels/test.tsv. The
concept triple of a test query is never that of a training query. The same seed gives the same bytes.
"""

import hashlib
import json
import random
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "test"]
Concept = tuple[str, int]  # slot, number within the slot

LANGUAGE: dict[str, tuple[str, ...]] = {
    "person": (
        "doctor physician medic",
        "lawyer attorney solicitor",
        "teacher tutor instructor",
        "child kid youngster",
        "thief robber burglar",
        "boss manager supervisor",
        "friend pal buddy",
        "visitor guest tourist",
    ),
    "action": (
        "repair fix mend",
        "buy purchase acquire",
        "clean wash scrub",
        "sell trade auction",
        "find locate discover",
        "move carry transport",
        "hide conceal cover",
        "inspect check examine",
    ),
    "quality": (
        "cheap affordable inexpensive",
        "large big huge",
        "small little tiny",
        "old ancient antique",
        "broken damaged cracked",
        "pretty beautiful lovely",
        "dirty filthy muddy",
        "strange odd weird",
    ),
    "thing": (
        "car automobile vehicle",
        "house home residence",
        "boat ship vessel",
        "bicycle bike cycle",
        "phone telephone handset",
        "sofa couch settee",
        "coat jacket parka",
        "picture painting portrait",
    ),
    "place": (
        "street road lane",
        "shop store market",
        "forest woods grove",
        "school academy college",
        "river stream creek",
        "hotel inn hostel",
        "office bureau workplace",
        "church chapel temple",
    ),
}
FORMS: dict[str, list[list[str]]] = {
    slot: [words.split() for words in concepts] for slot, concepts in LANGUAGE.items()
}
CONCEPT: dict[str, Concept] = {
    word: (slot, number)
    for slot, concepts in FORMS.items()
    for number, words in enumerate(concepts)
    for word in words
}
SLOTS = list(LANGUAGE)  # also the order of the words of a query
QUERY_LENGTH = 3  # words, one concept each

TEMPLATES = (
    "The {person} wants to {action} the {quality} {thing}.",
    "Please {action} my {thing}. It is rather {quality}.",
    "Our {person} will {action} that {thing} near the {place}.",
    "How to {action} every {quality} {thing} at the {place}.",
    "Someone left one {quality} {thing} at the {place}.",
    "The {person} met us by the {place} to {action} the {quality} {thing}.",
    "Advice for the {person}: never {action} some {quality} {thing} alone.",
    "Yesterday the {person} saw the {thing} beside the {place}. It looked {quality}.",
    "Who can {action} the {thing} for our {person}?",
    "At the {place} you may {action} your {quality} {thing} today.",
    "My {person} has the {quality} {thing} and we must {action} it.",
    "The {thing} at the {place} is {quality}. Ask the {person} about it.",
)


@dataclass(frozen=True)
class Query:
    """A query of the collection, as its words."""

    qid: str
    split: Split
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The words, one space between them."""
        return " ".join(self.words)


@dataclass(frozen=True)
class Collection:
    """Passages by docid, queries, and for every qid the grades (1 or 2) of its relevant docids."""

    passages: dict[str, str]
    queries: tuple[Query, ...]
    qrels: dict[str, dict[str, int]]

    def split(self, split: Split) -> list[Query]:
        """The queries of one split, in order."""
        return [query for query in self.queries if query.split == split]


def words_of(text: str) -> list[str]:
    """The lower-case words of a text.

    >>> words_of("Please fix my car.")
    ['please', 'fix', 'my', 'car']
    """
    return re.findall(r"[a-z]+", text.lower())


def matches(query: Sequence[str], passage: str) -> list[str | None]:
    """For every word of the query the passage's word of the same concept, or None.

    >>> matches(("thief", "mend", "car"), "Please fix my automobile. It is rather old.")
    [None, 'fix', 'automobile']
    """
    said = {CONCEPT[word]: word for word in words_of(passage) if word in CONCEPT}
    return [said.get(CONCEPT[word]) for word in query]


def grade(query: Sequence[str], passage: str) -> int:
    """2 for all three concepts of the query, 1 for two of them, else 0."""
    shared = sum(word is not None for word in matches(query, passage))
    return max(0, shared - QUERY_LENGTH + 2)


def split_of(query: Sequence[str]) -> Split:
    """The split that a query's concepts belong to: a quarter of all concept triples is kept for tests."""
    concepts = sorted(f"{slot}{number}" for slot, number in (CONCEPT[word] for word in query))
    digest = hashlib.sha256(" ".join(concepts).encode()).digest()
    return "test" if digest[0] % 4 == 0 else "train"


def draw_query(rng: random.Random, split: Split) -> tuple[str, ...]:
    """Draw a query of the split."""
    while True:
        slots = sorted(rng.sample(SLOTS, QUERY_LENGTH), key=SLOTS.index)
        query = tuple(rng.choice(rng.choice(FORMS[slot])) for slot in slots)
        if split_of(query) == split:
            return query


def draw_passage(rng: random.Random, query: Sequence[str], shared: int, exact: float) -> str:
    """Draw a passage that shares exactly `shared` concepts with the query.

    A shared concept is said in the query's own word with probability `exact`, else in another word of it.
    """
    wanted = {CONCEPT[word][0]: word for word in query}
    while True:
        template = rng.choice(TEMPLATES)
        slots = re.findall(r"{(\w+)}", template)
        possible = [slot for slot in slots if slot in wanted]
        if len(possible) >= shared:
            break
    hits = rng.sample(possible, shared)
    return template.format(
        **{slot: _fill(rng, slot, wanted.get(slot), slot in hits, exact) for slot in slots}
    )


def _fill(rng: random.Random, slot: str, wanted: str | None, hit: bool, exact: float) -> str:
    """Draw a word for the slot, with the concept of the wanted word (`hit`) or with any other concept."""
    if wanted is None:
        return rng.choice(rng.choice(FORMS[slot]))
    _, number = CONCEPT[wanted]
    if not hit:
        return rng.choice(rng.choice([forms for i, forms in enumerate(FORMS[slot]) if i != number]))
    if rng.random() < exact:
        return wanted
    return rng.choice([word for word in FORMS[slot][number] if word != wanted])


def make_collection(
    seed: int = 11,
    train: int = 80,
    test: int = 60,
    shared: Sequence[int] = (3, 3, 3, 2, 2, 1),
    exact: float = 0.3,
) -> Collection:
    """Make the collection: for every query one passage for every number in `shared`, all of them pooled.

    Every such passage has at least one word of its query, so that a lexical retriever can find it.
    """
    rng = random.Random(seed)
    queries: list[Query] = []
    triples: set[frozenset[Concept]] = set()
    texts: set[str] = set()
    for number in range(1, train + test + 1):
        split: Split = "train" if number <= train else "test"
        words = _draw_new_query(rng, split, triples)
        queries.append(Query(f"q{number:03}", split, words))
        texts.update(_draw_findable_passage(rng, words, concepts, exact) for concepts in shared)
    order = sorted(texts)
    rng.shuffle(order)
    passages = {f"d{number:03}": text for number, text in enumerate(order, start=1)}
    return Collection(passages, tuple(queries), _judge(queries, passages))


def _draw_new_query(rng: random.Random, split: Split, triples: set[frozenset[Concept]]) -> tuple[str, ...]:
    """Draw a query whose concepts no query had before; they are added to `triples`."""
    while True:
        words = draw_query(rng, split)
        triple = frozenset(CONCEPT[word] for word in words)
        if triple not in triples:
            triples.add(triple)
            return words


def _draw_findable_passage(rng: random.Random, query: Sequence[str], shared: int, exact: float) -> str:
    """Draw a passage that has at least one word of the query."""
    while True:
        text = draw_passage(rng, query, shared, exact)
        if set(query) & set(words_of(text)):
            return text


def _judge(queries: Iterable[Query], passages: dict[str, str]) -> dict[str, dict[str, int]]:
    """Judge every passage for every query; only grades above 0 are kept."""
    return {
        query.qid: {d: value for d, text in passages.items() if (value := grade(query.words, text))}
        for query in queries
    }


def write_collection(collection: Collection, folder: Path) -> None:
    """Write the collection in BEIR's layout; lines end in a line feed on every system."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    _write(folder / "corpus.jsonl", (_row(docid, text) for docid, text in collection.passages.items()))
    _write(folder / "queries.jsonl", (_row(query.qid, query.text) for query in collection.queries))
    splits: tuple[Split, ...] = ("train", "test")
    for split in splits:
        judgements = (
            f"{query.qid}\t{docid}\t{value}"
            for query in collection.split(split)
            for docid, value in collection.qrels[query.qid].items()
        )
        _write(folder / "qrels" / f"{split}.tsv", ["query-id\tcorpus-id\tscore", *judgements])


def _row(key: str, text: str) -> str:
    return json.dumps({"_id": key, "text": text})


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: collection.py OUT")
    write_collection(make_collection(), Path(sys.argv[1]))
