"""From a window's query and hits to the prompt that an engine is asked."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import orjson

from rearank_cli.ranking.prompts import Template, passage_text, render
from rearank_cli.records import Hit, Prompt, Query

_CACHED_PASSAGES = 65_536


class ChatComposer:
    """Compose prompts as chat turns, for engines that tokenise by themselves."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._passage = lru_cache(_CACHED_PASSAGES)(lambda hit: passage_text(template, hit))

    def __call__(self, query: Query, hits: Sequence[Hit]) -> Prompt:
        """Return the prompt of one window; the hits stand in the order presented."""
        messages = render(self._template, query.text, [self._passage(hit) for hit in hits])
        spoken = orjson.dumps([(message.role, message.content) for message in messages])
        return Prompt(
            qid=query.qid,
            docids=tuple(hit.docid for hit in hits),
            digest=hashlib.sha256(spoken).hexdigest()[:16],
            messages=messages,
        )
