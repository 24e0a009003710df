"""From a window's query and hits to the prompt that an engine is asked."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import orjson

from rearank_cli.ranking.prompts import Template, Texts, render
from rearank_cli.ranking.tokens import TokenComposer
from rearank_cli.records import Hit, Message, Prompt, Query

ANSWER_NOW = (
    "There is no time left to think. Give the numbers of all passages now, the most relevant first, and nothing "
    "else. With numbers in place of the words: <answer>[first] > [second] > ... > [last]</answer>"
)


class ChatComposer:
    """Compose prompts as chat turns, for engines that tokenise by themselves.

    Where `tokens` is given, it cuts the passages to the context, and prompts carry their ids for counting.
    """

    def __init__(self, template: Template, tokens: TokenComposer | None = None) -> None:
        self.tokens = tokens
        self._template = template
        self._texts = Texts(template)

    def __call__(self, query: Query, hits: Sequence[Hit]) -> Prompt:
        """Return the prompt of one window; the hits stand in the order presented."""
        if self.tokens is None:
            asked, passages, ids = self._texts.query(query), [self._texts.passage(hit) for hit in hits], None
        else:
            asked, passages, ids = self.tokens.fitted(query, hits)
        messages = render(self._template, asked, passages)
        docids = tuple(hit.docid for hit in hits)
        return Prompt(query.qid, docids, _digest(messages), messages=messages, ids=ids or ())

    @property
    def neutralized(self) -> int:
        """How many queries and passages held a control string, and were shown without it."""
        return self._texts.neutralized if self.tokens is None else self.tokens.neutralized

    def forced(self, prompt: Prompt, text: str) -> Prompt:
        """Return the prompt that asks, in another turn, for the answer to what was thought so far."""
        messages = (*prompt.messages, Message("assistant", text), Message("user", ANSWER_NOW))
        return replace(prompt, messages=messages, digest=_digest(messages), thought=text + "\n</think>\n")


def _digest(messages: tuple[Message, ...]) -> str:
    spoken = orjson.dumps([(message.role, message.content) for message in messages])
    return hashlib.sha256(spoken).hexdigest()[:16]
