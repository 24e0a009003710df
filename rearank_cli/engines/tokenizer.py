"""A model's tokenizer and chat template, as the rest of the program needs them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from rearank_cli.control_tokens import is_control
from rearank_cli.engines.installation import first_line, why
from rearank_cli.errors import DataError, MissingInput, RearankError, Unavailable
from rearank_cli.reasoning import opened_by
from rearank_cli.records import Message

INSTALL = "pip install 'rearank[local]'"
_MOST_ADDED = 1_000_000  # characters that a chat template may write around the turns


@contextmanager
def _of_files(place: str) -> Iterator[None]:
    """Let whatever a library raises over a model's own files, which may hold anything, end as one sentence.

    Raises:
        DataError: for everything but our own errors and a request to stop; the message begins with `place`.
    """
    try:
        yield
    except (RearankError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # tokenizers ends a panic with a BaseException of its own
        raise DataError(f"{place} ({type(error).__name__}: {first_line(error)})") from error


class ChatTokenizer:
    """Renders chats and encodes text. Loading one needs the extra `local`, but no model weights."""

    def __init__(self, model: str, *, trust_remote_code: bool = False, think: bool | None = None) -> None:
        """Load the tokenizer of a model folder or hub id; `think` is what its chat template is told.

        Raises:
            Unavailable: transformers is not installed, or cannot be imported.
            MissingInput: no tokenizer there.
            DataError: the tokenizer has no chat template, or its files are damaged.
        """
        self.model = model
        self._told = {} if think is None else {"enable_thinking": think}
        self.inner = _load(model, trust_remote_code=trust_remote_code)
        if not self.inner.chat_template:
            raise DataError(
                f"{model}: the tokenizer has no chat template, and a listwise prompt is a chat; "
                "name an instruct model, or add chat_template.jinja to the folder"
            )
        self.added: tuple[str, ...] = tuple(self.inner.get_added_vocab())
        """Strings that the tokenizer cuts its input at before anything else."""
        tokens = self.inner.added_tokens_decoder.values()
        named = [token.content for token in tokens if is_control(token.content, special=token.special)]
        self.control: tuple[str, ...] = tuple(dict.fromkeys([*self.inner.all_special_tokens, *named]))
        """Those of them that steer the model, as text."""

    @cached_property
    def opens(self) -> str:
        """The end of every prompt if its template opens the reasoning there, else ""; completions begin with it."""
        return opened_by(self.render([Message("user", "")]))

    def render(self, messages: Sequence[Message]) -> str:
        """Return the chat as one text that ends where the model is to begin.

        Raises:
            DataError: the template refuses these roles or their order, fails, or writes without end.
        """
        turns = [{"role": message.role, "content": message.content} for message in messages]
        with _of_files(f"{self.model}: its chat template refuses the prompt; see --prompt"):
            text = str(
                self.inner.apply_chat_template(
                    turns, tokenize=False, add_generation_prompt=True, **self._told
                )
            )
        added = len(text) - sum(len(message.content) for message in messages)
        if added > _MOST_ADDED:
            raise DataError(
                f"{self.model}: its chat template adds {added} characters to a prompt, expected at most {_MOST_ADDED}; "
                "use another model folder, or mend the template"
            )
        return text

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, without special tokens of their own.

        Raises:
            DataError: the tokenizer fails on a text.
        """
        if not texts:
            return []
        with _of_files(f"{self.model}: its tokenizer fails on a prompt; its files are damaged"):
            rows: list[list[int]] = self.inner(list(texts), add_special_tokens=False)["input_ids"]
        return rows

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, special tokens included: marks of reasoning may be such."""
        return str(self.inner.decode(list(ids), skip_special_tokens=False)) if ids else ""

    def first_tokens(self, texts: Sequence[str], cap: int) -> list[str]:
        """Return each text cut after its first `cap` tokens (1 or more), at a character.

        Raises:
            DataError: the tokenizer fails on a text, or does not say where its tokens stand in one.
        """
        with _of_files(f"{self.model}: its tokenizer cannot cut a passage to the context; see --window"):
            rows = self.inner(list(texts), add_special_tokens=False, return_offsets_mapping=True)
        return [
            text[: row[cap - 1][1]] if len(row) > cap else text
            for text, row in zip(texts, rows["offset_mapping"], strict=True)
        ]


def context_of(model: str, *, trust_remote_code: bool = False) -> int | None:
    """Return how many tokens a model's configuration allows, None where it does not say.

    Raises:
        MissingInput: no configuration there.
        DataError: it is damaged.
    """
    from transformers import AutoConfig

    with _of_files(f"{model}: config.json cannot be used"):
        try:
            config = AutoConfig.from_pretrained(model, trust_remote_code=trust_remote_code)
        except (OSError, ValueError, KeyError) as error:
            raise MissingInput(f"{model}: no config.json could be loaded ({first_line(error)})") from error
        length = config.get_text_config().max_position_embeddings
        return int(length) if length else None


def _load(model: str, *, trust_remote_code: bool) -> Any:  # noqa: ANN401 - transformers is untyped
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        from transformers import AutoTokenizer
        from transformers.utils import logging
    except (ImportError, OSError, RuntimeError) as error:
        raise Unavailable(f"transformers cannot be used: {why(error, INSTALL)}") from error
    logging.set_verbosity_error()
    with _of_files(f"{model}: its tokenizer is damaged; expected the files that came with the model"):
        try:
            return AutoTokenizer.from_pretrained(model, trust_remote_code=trust_remote_code)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MissingInput(
                f"{model}: no tokenizer could be loaded ({first_line(error)}); "
                "expected tokenizer.json or its like in the folder, or a hub id that can be reached"
            ) from error
