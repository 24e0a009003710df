"""The things that flow through `rearank`: frozen records, nothing else.

qid and docid are opaque strings without white space, always.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

Qrels: TypeAlias = Mapping[str, Mapping[str, int]]
"""Judgements: qid -> docid -> grade. A grade of 1 or more is relevant; negative grades exist."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a topics file."""

    qid: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One scored document of a ranking; `text` is None where only the docid is known (a bare run)."""

    docid: str
    score: float
    text: str | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """A query with its ranked hits, best first: one line of the stream between two commands.

    `tag` is provenance, `<dataset>:<retriever>[:<model>]`, or empty where nothing is known.
    """

    query: Query
    hits: tuple[Hit, ...]
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """What one prompt shows: positions (0-based) in the candidate list, in the order presented.

    `rounds_left` is how many further rounds may follow this one in its query: the scheduler's priority.
    """

    positions: tuple[int, ...]
    rounds_left: int


class Outcome(StrEnum):
    """How the answer of a window was read."""

    CLEAN = "clean"
    """Every passage named exactly once, nothing else."""
    REPAIRED = "repaired"
    """Passages were missing, repeated or out of range; the gaps were filled in the order presented."""
    PARTIAL = "partial"
    """Fewer than half of the passages were named; the others follow in the order presented."""
    TRUNCATED = "truncated"
    """The text broke off before or inside the answer."""
    EMPTY = "empty"
    """No passage was named; the order stays as presented."""
    FAILED = "failed"
    """No answer came, whatever was tried; the order stays as presented. It may come another time."""
    REFUSED = "refused"
    """The server refused this prompt for good (a content filter, too long); the order stays as presented."""

    @property
    def is_malformed(self) -> bool:
        """Whether an answer came from which no order could be read: what `--max-malformed` bounds."""
        return self in (Outcome.TRUNCATED, Outcome.EMPTY)

    @property
    def is_repaired(self) -> bool:
        """Whether passages that the answer left out had to be put back: what `--max-repaired` bounds."""
        return self in (Outcome.REPAIRED, Outcome.PARTIAL)

    @property
    def is_failure(self) -> bool:
        """Whether no answer came: what `--fail-above` bounds."""
        return self in (Outcome.FAILED, Outcome.REFUSED)


@dataclass(frozen=True, slots=True)
class Permutation:
    """A parsed answer: `order[r]` is the place (0-based) of the passage that is ranked r-th."""

    order: tuple[int, ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How completions are drawn: `temperature` 0 is greedy; `max_tokens` bounds one completion.

    `think` is what a chat template is told, None for nothing; `pattern` is a regular expression that the
    whole completion must match, where the engine can hold it to one.
    """

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    think: bool | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an engine is asked about one window.

    `ids` are token ids, set for engines that take them; `messages` are the chat turns, for those that do not.
    `digest` is a hash (hex) of what the model will read. `sample` numbers repeated asking, and `sampling`
    overrides the engine's own where it is set; `repeat` numbers prompts of one query that are the same, as a second
    pass may show them (0: the first). `thought` is what the model wrote before, where it is asked
    to go on from there: the answer is read from both together.
    """

    qid: str
    docids: tuple[str, ...]
    digest: str
    messages: tuple[Message, ...] = ()
    ids: Sequence[int] = ()
    sample: int = 0
    repeat: int = 0
    sampling: Sampling | None = None
    thought: str = ""


Finish: TypeAlias = Literal["stop", "length", "error", "refused"]


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote, with its cost in tokens and seconds.

    `finish` is "stop" for an answer that ended by itself, "length" for one that was cut off, "error" where no
    answer came this time, "refused" where none will come however often it is asked for; `reason` then holds
    the server's own words. `model` is what a server calls itself in its answer, "" if it does not say.
    """

    text: str
    finish: Finish = "stop"
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    reason: str = ""
    model: str = ""
