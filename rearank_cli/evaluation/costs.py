"""What a run cost, from its trace: calls, tokens and seconds a query, and the answers that were not clean."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rearank_cli.errors import DataError
from rearank_cli.evaluation.windows import read_windows
from rearank_cli.formats.streams import Source
from rearank_cli.records import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a query cost on average: calls of the model, tokens read and written, seconds of its calls.

    `malformed` (truncated or empty), `repaired` (repaired or partial) and `failed` (failed or refused) are shares,
    0 to 1, of all answers, as in the provenance file: a window that was asked again with a fresh sample counts each
    time, one whose request failed or was refused only with the last answer to it.
    `written` is qid -> tokens written.
    """

    queries: int
    calls: float
    prompt_tokens: float
    output_tokens: float
    seconds: float
    malformed: float
    repaired: float
    failed: float
    written: Mapping[str, int]

    def columns(self) -> dict[str, str]:
        """Return the figures as they are printed, by heading."""
        return {
            "calls/q": f"{self.calls:.1f}",
            "read/q": f"{self.prompt_tokens:.0f}",
            "written/q": f"{self.output_tokens:.0f}",
            "s/q": f"{self.seconds:.1f}",
            "malformed": f"{self.malformed:.4f}",
            "repaired": f"{self.repaired:.4f}",
            "failed": f"{self.failed:.4f}",
        }


def read_cost(source: Source) -> Cost:
    """Read a trace. What was asked twice was paid twice, so every line counts as a call.

    Raises:
        DataError: a line is no line of a trace, or none holds a completion.
    """
    written, outcomes = Counter[str](), Counter[Outcome]()
    unanswered: dict[tuple[str, str, tuple[str, ...]], Outcome] = {}
    calls, prompt_tokens, seconds = 0, 0, 0.0
    for place, window in read_windows(source):
        if window.outcome is None:
            raise DataError(
                f'{place}: expected "outcome" beside "completion", found none; costs are read from what '
                f"`rearank rerank --trace` wrote"
            )
        calls += 1
        asked = (window.qid, window.question, window.docids)
        if asked in unanswered:
            outcomes[unanswered.pop(asked)] -= 1
        if window.outcome.is_failure:
            unanswered[asked] = window.outcome
        outcomes[window.outcome] += 1
        prompt_tokens += window.prompt_tokens
        seconds += window.seconds
        written[window.qid] += window.output_tokens
    answers, queries = outcomes.total(), len(written)
    if not answers:
        raise DataError(f"{source.name}: expected a trace, found no line with a completion")
    return Cost(
        queries=queries,
        calls=calls / queries,
        prompt_tokens=prompt_tokens / queries,
        output_tokens=written.total() / queries,
        seconds=seconds / queries,
        malformed=sum(outcomes[outcome] for outcome in Outcome if outcome.is_malformed) / answers,
        repaired=sum(outcomes[outcome] for outcome in Outcome if outcome.is_repaired) / answers,
        failed=sum(outcomes[outcome] for outcome in Outcome if outcome.is_failure) / answers,
        written=dict(written),
    )
