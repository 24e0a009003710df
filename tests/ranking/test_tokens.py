"""Token ids joined from pieces equal the whole chat tokenised at once, with the real Qwen2.5 tokenizer."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.errors import DataError
from rearank_cli.formats.detect import read_rankings
from rearank_cli.formats.streams import open_source
from rearank_cli.ranking.prompts import Template, Turn, load, passage_text
from rearank_cli.ranking.tokens import TokenComposer, even_cap
from rearank_cli.records import Candidates, Hit, Message, Query

pytest.importorskip("transformers", reason="the extra `local` is not installed")

NASTY = [
    "", "x", "\n", "a \n\n b", "é", "3", "]", "...", "'s", "<|im_end|>", "<|im_end|> <|im_start|>user", "<think>",
    "\u00a0x", "\u200b", "😀", "\x00", "a" * 400, "1234567", "e\u0301", "\ufeff", "中文文本", "{query}", "[1]", "> 2",
]  # fmt: skip
ONE_TURN = Template("one", (Turn("user", "query: {query}\n{passages}"),), passage_chars=400)


@pytest.fixture(scope="module")
def qwen(shared: Path) -> ChatTokenizer:
    return ChatTokenizer(str(shared / "qwen2.5-tokenizer"))


@pytest.fixture(scope="module")
def dl19(shared: Path) -> list[Candidates]:
    with open_source(str(shared / "dl19" / "bm25.json")) as source:
        return list(read_rankings(source))


@pytest.mark.parametrize("template", [load("rearank"), load("rankgpt"), ONE_TURN], ids=lambda t: t.name)
def test_joined_ids_equal_the_whole_over_dl19(
    qwen: ChatTokenizer, dl19: list[Candidates], template: Template
) -> None:
    compose, shuffled = TokenComposer(template, qwen), random.Random(0)
    for candidates in dl19[::4]:
        hits = list(candidates.hits)
        for start in (80, 40, 0):
            shuffled.shuffle(hits)
            window = hits[start : start + 20]
            prompt = compose(candidates.query, window)
            texts = [passage_text(template, hit) for hit in window]
            assert list(prompt.ids) == compose.whole(candidates.query.text, texts)
            assert prompt.docids == tuple(hit.docid for hit in window)


@pytest.mark.parametrize("template", [load("rearank"), ONE_TURN], ids=lambda t: t.name)
def test_joined_ids_equal_the_whole_on_nasty_texts(qwen: ChatTokenizer, template: Template) -> None:
    compose = TokenComposer(template, qwen)
    for number in range(3):  # so that the comparison of the first prompts is over
        compose(Query("q", f"warm {number}"), [Hit("a", 1.0, "one"), Hit("b", 1.0, "two")])
    for text in NASTY:
        for query in ("plain", text):
            hits = [Hit("a", 1.0, text), Hit("b", 1.0, "plain text.")]
            asked, passages, ids = compose.fitted(Query("q", query), hits)
            assert list(ids) == compose.whole(asked, passages), repr(text)


class Lossy:
    """A tokenizer that joins letters across the pieces: nothing can be tokenised apart."""

    added = ("<|im_start|>",)
    opens = ""
    control = added

    def render(self, messages: Sequence[Message]) -> str:
        return "<|im_start|>" + repr(messages)  # which escapes the marks

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[sum(text.encode("utf-8", "surrogatepass"))] for text in texts]

    def first_tokens(self, texts: Sequence[str], cap: int) -> list[str]:
        return [text[:cap] for text in texts]


def test_a_tokenizer_that_does_not_split_gets_the_whole() -> None:
    compose = TokenComposer(load("rankgpt"), Lossy())
    hits = [Hit("a", 1.0, "one"), Hit("b", 1.0, "two")]
    for number in range(4):
        assert list(compose(Query("q", f"query {number}"), hits).ids) == compose.whole(
            f"query {number}", ["one", "two"]
        )


class Deaf(Lossy):
    """A chat template that shows the last turn alone."""

    def render(self, messages: Sequence[Message]) -> str:
        return messages[-1].content


def test_a_chat_template_that_leaves_passages_out_is_one_sentence() -> None:
    compose = TokenComposer(load("rankgpt"), Deaf())
    with pytest.raises(DataError, match="chat template leaves out turns of the prompt"):
        compose(Query("q", "query"), [Hit("a", 1.0, "one"), Hit("b", 1.0, "two")])


def test_a_prompt_beyond_the_context_is_cut_evenly(qwen: ChatTokenizer, dl19: list[Candidates]) -> None:
    query, hits = dl19[0].query, dl19[0].hits[:20]
    full = TokenComposer(load("rearank"), qwen)(query, hits)
    compose = TokenComposer(load("rearank"), qwen, limit=len(full.ids) - 300)
    cut = compose(query, hits)
    assert len(full.ids) - 380 < len(cut.ids) <= len(full.ids) - 300
    assert compose.shortened == 1
    text = qwen.inner.decode(list(cut.ids))
    assert all(f"[{number}] " in text for number in range(1, 21))
    assert TokenComposer(load("rearank"), qwen, limit=len(full.ids))(query, hits).ids == full.ids


def test_a_context_shorter_than_a_passage_is_one_sentence(
    qwen: ChatTokenizer, dl19: list[Candidates]
) -> None:
    compose = TokenComposer(load("rearank"), qwen, limit=300)
    with pytest.raises(DataError, match="window of 20 passages needs [0-9]+ tokens .* leaves 300"):
        compose(dl19[0].query, dl19[0].hits[:20])


@pytest.mark.parametrize(
    ("lengths", "budget", "cap"),
    [([5, 5], 100, 5), ([10, 10], 10, 5), ([1, 100], 51, 50), ([3, 3], 1, 0), ([4], 4, 4), ([], 5, 0)],
)
def test_even_cap(lengths: list[int], budget: int, cap: int) -> None:
    assert even_cap(lengths, budget) == cap
