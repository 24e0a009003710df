"""What went well and what did not, in one line: a wrong model must not look like a plausible run."""

from collections import Counter
from dataclasses import dataclass, field

from rearank_cli.formats.trace import Answer
from rearank_cli.records import Outcome


@dataclass(slots=True)
class Health:
    """Counts over a run; `seconds` is wall time."""

    queries: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    def count(self, answer: Answer) -> None:
        """Count one finished window."""
        self.outcomes[answer.permutation.outcome] += 1
        self.prompt_tokens += answer.completion.prompt_tokens
        self.output_tokens += answer.completion.output_tokens

    @property
    def windows(self) -> int:
        """Finished windows."""
        return self.outcomes.total()

    @property
    def malformed(self) -> float:
        """Percentage (0 to 100) of windows whose answer was truncated or empty."""
        broken = self.outcomes[Outcome.TRUNCATED] + self.outcomes[Outcome.EMPTY]
        return 100 * broken / max(self.windows, 1)

    def __str__(self) -> str:
        read = ", ".join(f"{self.outcomes[outcome]} {outcome}" for outcome in Outcome)
        return (
            f"queries {self.queries}; windows {self.windows}: {read}; "
            f"tokens {self.prompt_tokens} prompt, {self.output_tokens} output; {self.seconds:.1f} s"
        )
