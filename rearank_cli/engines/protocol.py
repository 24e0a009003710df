"""What an engine is: something that takes prompts and gives completions, in any order, when they are done."""

from typing import Protocol

from rearank_cli.records import Completion, Prompt, Sampling

__all__ = ["Engine", "Sampling"]


class Engine(Protocol):
    """Submit and collect; nothing else.

    A completion ends at its answer (`answer_end` of rearank_cli/reasoning.py): nothing that follows is of use,
    and nothing that stands in the reasoning ends it. If a chat template opens the reasoning, a completion
    begins with the mark that did.

    `capacity` is how many prompts it works on at once: the scheduler never has more in flight. Keys are
    the caller's, each used once.
    """

    capacity: int

    def submit(self, key: int, prompt: Prompt) -> None:
        """Take a prompt to work on."""

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """Return what is done, waiting for at least one, `timeout` seconds at most; [] where none came.

        Raises:
            RearankError: the engine cannot go on.
        """

    def close(self) -> None:
        """Give back what the engine holds; it is not used afterwards."""
