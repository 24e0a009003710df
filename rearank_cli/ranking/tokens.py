"""Token ids of prompts, with each passage cut and tokenised once.

A chat is rendered once with markers where query and passages go. A tokenizer cuts its input at its
added tokens (`<|im_start|>` and the like) before anything else, so the text between two of them can be
tokenised by itself and kept; a prompt's ids are then joined from pieces. The first prompts of each
length are compared with tokenising the whole, and where the two differ the whole is used from then on.
"""

import hashlib
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from rearank_cli.control_tokens import ControlStrings
from rearank_cli.errors import DataError
from rearank_cli.ranking.asking import closed_thought
from rearank_cli.ranking.prompts import Template, Texts, render
from rearank_cli.records import Hit, Message, Prompt, Query

_CACHED_PIECES = 65_536
_COMPARED = 2  # prompts of each length that are also tokenised whole
_MARK = re.compile("\ue000([0-9]+)\ue001")  # private-use characters, which no chat template writes
_PROBES = ("", "word", "Word", "7", "'s", "(a", "«é", "中", "😀", ".", '"q', "e\u0301")


class Tokenizer(Protocol):
    """What is needed of a tokenizer."""

    @property
    def added(self) -> tuple[str, ...]:
        """Strings at which the tokenizer cuts its input first."""

    @property
    def opens(self) -> str:
        """The end of every prompt if the chat template opens the reasoning there, else ""."""

    @property
    def control(self) -> tuple[str, ...]:
        """Those of them that steer a model: no passage or query may hold one."""

    def render(self, messages: Sequence[Message]) -> str:
        """Return a chat as one text."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text."""

    def first_tokens(self, texts: Sequence[str], cap: int) -> list[str]:
        """Return each text cut after its first `cap` tokens."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a rendered chat that is tokenised by itself: text around the value of a slot (0: the query)."""

    before: str
    slot: int
    after: str

    def fill(self, values: Sequence[str]) -> str:
        """Return the text with the slot's value in it."""
        return self.before + values[self.slot] + self.after


@dataclass(slots=True)
class _Skeleton:
    """The rendered chat of one window length as ids and pieces in turn; no parts: it does not split."""

    parts: "list[array[int] | _Piece]"
    compared: int = 0


class TokenComposer:
    """Compose prompts as token ids; `shortened` counts those that were cut to the model's context."""

    def __init__(self, template: Template, tokenizer: Tokenizer, *, limit: int | None = None) -> None:
        """`limit` is the most tokens that a prompt may have (context less completion), None for no limit."""
        self._template = template
        self._tokenizer = tokenizer
        self._limit = limit
        self._skeletons: dict[int, _Skeleton] = {}
        self._ids: dict[str, array[int]] = {}
        self._texts = Texts(template, ControlStrings(tokenizer.control))
        self._added = re.compile(
            "|".join(map(re.escape, sorted(tokenizer.added, key=len, reverse=True))) or "(?!)"
        )
        self.shortened = 0

    def __call__(self, query: Query, hits: Sequence[Hit]) -> Prompt:
        """Return the prompt of one window; the hits stand in the order presented.

        Raises:
            DataError: not even a few tokens of each passage fit into the model's context.
        """
        _, _, ids = self.fitted(query, hits)
        docids = tuple(hit.docid for hit in hits)
        return Prompt(qid=query.qid, docids=docids, digest=_digest(ids), ids=ids)

    @property
    def neutralized(self) -> int:
        """How many queries and passages held a control string, and were shown without it."""
        return self._texts.neutralized

    def fitted(self, query: Query, hits: Sequence[Hit]) -> tuple[str, list[str], "array[int]"]:
        """Return query and passages of one window as shown, cut so that the prompt fits, and the prompt's ids.

        Raises:
            DataError: not even a few tokens of each passage fit into the model's context.
        """
        asked, passages = self._texts.query(query), [self._texts.passage(hit) for hit in hits]
        ids = self._joined(asked, passages)
        if self._limit is not None and len(ids) > self._limit:
            passages = self._shortened(query, passages, len(ids))
            ids = array("I", self.whole(asked, passages))
            self.shortened += 1
        return asked, passages, ids

    def count(self, text: str) -> int:
        """Return how many tokens a text has."""
        return len(self._tokenizer.encode([text])[0])

    def forced(self, prompt: Prompt, text: str) -> Prompt:
        """Return the prompt that goes on from what was thought so far, where only the answer can follow."""
        thought = closed_thought(text)
        written = thought.removeprefix(self._tokenizer.opens)  # which the prompt ends with already
        ids = array("I", (*prompt.ids, *self._tokenizer.encode([written])[0]))
        return replace(prompt, ids=ids, digest=_digest(ids), thought=thought)

    def whole(self, query: str, passages: Sequence[str]) -> list[int]:
        """Return the ids of the rendered chat tokenised in one piece: what the joined ids must equal.

        Query and passages are texts as shown, without control strings.
        """
        text = self._tokenizer.render(render(self._template, query, passages))
        return self._tokenizer.encode([text])[0]

    def _joined(self, query: str, passages: Sequence[str]) -> "array[int]":
        skeleton = self._skeletons.get(len(passages))
        if skeleton is None:
            skeleton = self._skeletons[len(passages)] = self._skeleton(len(passages))
        if not skeleton.parts:
            return array("I", self.whole(query, passages))
        ids = self._filled(skeleton, (query, *passages))
        if skeleton.compared < _COMPARED:
            skeleton.compared += 1
            if ids != (whole := array("I", self.whole(query, passages))):
                skeleton.parts = []
                return whole
        return ids

    def _filled(self, skeleton: _Skeleton, values: Sequence[str]) -> "array[int]":
        texts = [part.fill(values) for part in skeleton.parts if isinstance(part, _Piece)]
        self._learn(texts)
        ids, known, text = array("I"), self._ids, iter(texts)
        for part in skeleton.parts:
            ids += known[next(text)] if isinstance(part, _Piece) else part
        return ids

    def _learn(self, pieces: Sequence[str]) -> None:
        new = [piece for piece in dict.fromkeys(pieces) if piece not in self._ids]
        if not new:
            return
        if len(self._ids) + len(new) > _CACHED_PIECES:
            self._ids.clear()
            new = list(dict.fromkeys(pieces))
        for piece, ids in zip(new, self._tokenizer.encode(new), strict=True):
            self._ids[piece] = array("I", ids)

    def _skeleton(self, n: int) -> _Skeleton:
        marks = [f"\ue000{index}\ue001" for index in range(n + 1)]
        text = self._tokenizer.render(render(self._template, marks[0], marks[1:]))
        found = {int(index) for index in _MARK.findall(text)}
        if found != set(range(n + 1)):
            self._check_shown(n)
            return _Skeleton([])
        pieces = [part for piece in _cut(text, self._added) for part in self._halves(piece)]
        if any(len(_MARK.findall(piece)) > 1 for piece in pieces):
            return _Skeleton([])
        return _Skeleton(self._parts(pieces))

    def _check_shown(self, n: int) -> None:
        """Refuse a chat template that leaves out what the prompt shows: it would be ranked unseen."""
        words = [f"text{index}end" for index in range(n + 1)]
        messages = render(self._template, words[0], words[1:])
        chat, shown = self._tokenizer.render(messages), "\n".join(message.content for message in messages)
        if any(word in shown and word not in chat for word in words):
            raise DataError(
                "the model's chat template leaves out turns of the prompt, with the query or passages in them: "
                "expected all of them to be shown; see --prompt, or use another model"
            )

    def _parts(self, pieces: Sequence[str]) -> "list[array[int] | _Piece]":
        """Tokenise what never changes once and for all, neighbours together."""
        parts: list[array[int] | _Piece] = []
        for piece, ids in zip(pieces, self._tokenizer.encode(pieces), strict=True):
            mark = _MARK.search(piece)
            if mark is not None:
                parts.append(_Piece(piece[: mark.start()], int(mark[1]), piece[mark.end() :]))
            elif parts and isinstance(parts[-1], array):
                parts[-1] += array("I", ids)
            else:
                parts.append(array("I", ids))
        return parts

    def _halves(self, piece: str) -> Iterator[str]:
        """Part a piece that ends in " <mark>" before that space, where the tokenizer always parts there too.

        The second half is then the same at every place of the window.
        """
        head, space, mark = piece.rpartition(" ")
        if not (head and space and _MARK.fullmatch(mark) and not _MARK.search(head)):
            yield piece
            return
        joined = self._tokenizer.encode([piece.replace(mark, probe) for probe in _PROBES])
        parts = self._tokenizer.encode([head, *(" " + probe for probe in _PROBES)])
        apart = all(whole == parts[0] + part for whole, part in zip(joined, parts[1:], strict=True))
        yield from (head, space + mark) if apart else (piece,)

    def _shortened(self, query: Query, passages: Sequence[str], now: int) -> list[str]:
        assert self._limit is not None
        lengths = [len(row) for row in self._tokenizer.encode(passages)]
        cap = even_cap(lengths, sum(lengths) - (now - self._limit) - len(passages))
        if cap < 1:
            raise DataError(
                f"query {query.qid!r}: a window of {len(passages)} passages needs {now} tokens where the model's "
                f"context leaves {self._limit} for the prompt; use a smaller --window or --max-tokens"
            )
        return self._tokenizer.first_tokens(passages, cap)


def _digest(ids: "array[int]") -> str:
    return hashlib.sha256(ids).hexdigest()[:16]


def _cut(text: str, added: re.Pattern[str]) -> list[str]:
    cuts = [0, *(match.start() for match in added.finditer(text) if match.start()), len(text)]
    return [text[start:stop] for start, stop in pairwise(cuts)]


def even_cap(lengths: Sequence[int], budget: int) -> int:
    """Return the largest cap such that lengths cut at it sum to at most `budget`; 0 or less where none does.

    >>> even_cap([10, 2, 7], 13)
    5
    """
    left, cap = budget, 0
    for done, length in enumerate(sorted(lengths)):
        cap = left // (len(lengths) - done)
        if length > cap:
            return cap
        left -= length
    return max(lengths, default=0)
