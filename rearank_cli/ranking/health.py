"""What went well and what did not, in one line: a wrong model must not look like a plausible run."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rearank_cli.formats.trace import Answer
from rearank_cli.records import Outcome


@dataclass(slots=True)
class Health:
    """Counts over a run: `outcomes` of the answers that were asked for, `recalled` of those from the trace.

    `refusals` counts the reasons of servers; `servers` is what they call the model in their answers.
    """

    queries: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    recalled: Counter[Outcome] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    servers: set[str] = field(default_factory=set)
    repaired_by_asking: int = 0
    forced: int = 0
    shortened: int = 0
    neutralized: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False

    def count(self, answer: Answer) -> None:
        """Count an answer that was asked for."""
        self.outcomes[answer.permutation.outcome] += 1
        self.prompt_tokens += answer.completion.prompt_tokens
        self.output_tokens += answer.completion.output_tokens
        self.forced += bool(answer.prompt.thought)
        self.repaired_by_asking += answer.prompt.sample > 0 and not answer.prompt.thought
        self._note_server(answer)

    def count_recalled(self, answer: Answer) -> None:
        """Count an answer that was taken from the trace."""
        self.recalled[answer.permutation.outcome] += 1
        self._note_server(answer)

    def _note_server(self, answer: Answer) -> None:
        if answer.completion.model:
            self.servers.add(answer.completion.model)
        if answer.permutation.outcome is Outcome.REFUSED:
            self.refusals[answer.completion.reason] += 1

    @property
    def windows(self) -> int:
        """Answers that an engine gave."""
        return self.outcomes.total()

    def share(self, of: Callable[[Outcome], bool]) -> float:
        """Return the share (0 to 1) of all answers of the run, asked for or from the trace, with such outcomes."""
        counts = self.outcomes + self.recalled
        return sum(number for outcome, number in counts.items() if of(outcome)) / max(counts.total(), 1)

    def __str__(self) -> str:
        rare = (Outcome.PARTIAL, Outcome.FAILED, Outcome.REFUSED)
        shown = [outcome for outcome in Outcome if outcome not in rare or self.outcomes[outcome]]
        read = ", ".join(f"{self.outcomes[outcome]} {outcome}" for outcome in shown)
        more = {
            "asked again": self.repaired_by_asking,
            "forced to answer": self.forced,
            "prompts cut to the context": self.shortened,
            "texts with control strings, made harmless": self.neutralized,
            "answers from the trace": self.recalled.total(),
        }
        extra = "".join(f"; {name} {number}" for name, number in more.items() if number)
        unclean = [outcome for outcome in Outcome if outcome is not Outcome.CLEAN and self.recalled[outcome]]
        extra += (
            f" ({', '.join(f'{self.recalled[outcome]} {outcome}' for outcome in unclean)})" if unclean else ""
        )
        tokens = f"tokens {'(estimated) ' * self.estimated}{self.prompt_tokens} prompt, {self.output_tokens} output"
        return f"queries {self.queries}; windows {self.windows}: {read}{extra}; {tokens}"
