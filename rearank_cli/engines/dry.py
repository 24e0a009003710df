"""An engine without a model: it leaves every order as it is and counts what it was asked."""

from dataclasses import dataclass

from rearank_cli.records import Completion, Prompt

CHARACTERS_A_TOKEN = 4
"""What an estimate assumes where no tokenizer is at hand."""


def estimated_tokens(prompt: Prompt) -> int:
    """Return a guess at the tokens of a prompt of chat turns."""
    return sum(len(message.content) for message in prompt.messages) // CHARACTERS_A_TOKEN


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run will ask: tokens of all prompts and of the longest one; estimates unless `exact`."""

    windows: int
    prompt_tokens: int
    longest_prompt: int
    exact: bool


class DryEngine:
    """Answers each window at once with the order as presented."""

    capacity = 64

    def __init__(self) -> None:
        self._lengths: list[int] = []
        self._exact = True
        self._done: list[tuple[int, Completion]] = []

    def submit(self, key: int, prompt: Prompt) -> None:
        """Count a prompt and answer it."""
        self._exact &= bool(prompt.ids)
        self._lengths.append(len(prompt.ids) or estimated_tokens(prompt))
        order = " > ".join(f"[{number}]" for number in range(1, len(prompt.docids) + 1))
        self._done.append((key, Completion(order, prompt_tokens=self._lengths[-1])))

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """Return the answers."""
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """Nothing is held."""

    @property
    def expected(self) -> Expected:
        """What was counted."""
        longest = max(self._lengths, default=0)
        return Expected(len(self._lengths), sum(self._lengths), longest, self._exact)
