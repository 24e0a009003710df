"""What went well and what did not, in one line: a wrong model must not look like a plausible run."""

from collections import Counter
from dataclasses import dataclass, field

from rearank_cli.formats.trace import Answer
from rearank_cli.records import Outcome


@dataclass(slots=True)
class Health:
    """Counts over a run; `recalled` are answers taken from the trace, which are not counted as windows."""

    queries: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    recalled: int = 0
    repaired_by_asking: int = 0
    forced: int = 0
    shortened: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False

    def count(self, answer: Answer) -> None:
        """Count one answer."""
        self.outcomes[answer.permutation.outcome] += 1
        self.prompt_tokens += answer.completion.prompt_tokens
        self.output_tokens += answer.completion.output_tokens
        self.forced += bool(answer.prompt.thought)
        self.repaired_by_asking += answer.prompt.sample > 0 and not answer.prompt.thought

    @property
    def windows(self) -> int:
        """Answers that an engine gave."""
        return self.outcomes.total()

    def percent(self, *outcomes: Outcome) -> float:
        """Return the share of answers with these outcomes, 0 to 100."""
        return 100 * sum(self.outcomes[outcome] for outcome in outcomes) / max(self.windows, 1)

    def __str__(self) -> str:
        rare = (Outcome.PARTIAL, Outcome.FAILED, Outcome.REFUSED)
        shown = [outcome for outcome in Outcome if outcome not in rare or self.outcomes[outcome]]
        read = ", ".join(f"{self.outcomes[outcome]} {outcome}" for outcome in shown)
        more = {
            "asked again": self.repaired_by_asking,
            "forced to answer": self.forced,
            "prompts cut to the context": self.shortened,
            "answers from the trace": self.recalled,
        }
        extra = "".join(f"; {name} {number}" for name, number in more.items() if number)
        tokens = f"tokens {'(estimated) ' * self.estimated}{self.prompt_tokens} prompt, {self.output_tokens} output"
        return f"queries {self.queries}; windows {self.windows}: {read}{extra}; {tokens}"
