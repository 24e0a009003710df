"""What a prompt file and a model's card may hold, with the bounds of each key."""

from pathlib import PurePath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from rearank_cli.schema import Row

Count = Annotated[int, Field(gt=0, lt=1 << 31)]
Text = Annotated[str, Field(min_length=1)]


class TurnRow(Row):
    """One [[turn]] of a prompt file."""

    role: Literal["system", "user", "assistant"]
    text: Text
    each: Literal["passage"] | None = None
    passage: str | None = None
    separator: str | None = None

    @property
    def shows_passages(self) -> bool:
        """Whether this turn shows the text of passages."""
        if self.each:
            return "{passage}" in self.text
        return "{passages}" in self.text and (self.passage is None or "{passage}" in self.passage)


class PromptFile(Row):
    """A prompt file; a key that is absent has the default of `Template` or `Turn`."""

    name: Annotated[Text, StringConstraints(strip_whitespace=True)]
    turn: Annotated[list[TurnRow], Field(min_length=1)]
    passage_chars: Count | None = None
    passage_words: Count | None = None
    titled: str | None = None
    remove: list[Text] | None = None
    think: bool | None = None
    max_tokens: Count | None = None

    @model_validator(mode="after")
    def _asks_for_an_order(self) -> Self:
        if not any("{query}" in turn.text for turn in self.turn):
            raise ValueError(
                "expected {query} in the `text` of a [[turn]], found none: no query would be shown"
            )
        if not any(turn.shows_passages for turn in self.turn):
            raise ValueError(
                'expected a [[turn]] with `each = "passage"` and {passage} in its `text`, or with {passages}, '
                "found none: no passage would be shown"
            )
        if self.titled is not None and "{text}" not in self.titled:
            raise ValueError(
                f"expected {{text}} in `titled`, found {self.titled!r}: a passage with a title would lose its text"
            )
        if self.turn[-1].role == "assistant":
            raise ValueError(
                "expected the last [[turn]] to be the user's, found the assistant's: the model's answer follows it"
            )
        return self


def _prompt_of_a_folder(name: str) -> str:
    path = PurePath(name)
    if path.is_absolute() or ".." in path.parts or (path.suffix != ".toml" and len(path.parts) != 1):
        raise ValueError(
            f"expected `prompt` as the name of a built-in prompt, or of a .toml file inside the folder, found {name!r}"
        )
    return name


class Card(Row):
    """A model folder's rearank.json: `window` and `step` count passages, `max_tokens` bounds a completion."""

    prompt: Annotated[Text, AfterValidator(_prompt_of_a_folder)] = "rearank"
    window: Annotated[Count, Field(gt=1)] = 20
    step: Count = 10
    max_tokens: Count | None = None
    think: bool | None = None

    @model_validator(mode="after")
    def _leaves_no_passage_out(self) -> Self:
        if "step" in self.model_fields_set and self.step > self.window:
            raise ValueError(
                f"expected `step` to be at most the window, {self.window}, found {self.step}: a wider step would leave "
                "passages out"
            )
        return self
