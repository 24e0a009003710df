"""What a run cost, from its trace: calls, tokens and seconds a query, and how many answers were malformed."""

from collections.abc import Mapping
from dataclasses import dataclass

from rearank_cli.errors import DataError
from rearank_cli.formats.jsonl import read_objects
from rearank_cli.formats.streams import Source
from rearank_cli.records import Outcome

MALFORMED = (Outcome.TRUNCATED, Outcome.EMPTY, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a query cost on average: calls of the model, tokens read and written, seconds of its calls.

    `malformed` is the share (0 to 1) of answers that were truncated, empty or failed. `written` is qid ->
    tokens written.
    """

    queries: int
    calls: float
    prompt_tokens: float
    output_tokens: float
    seconds: float
    malformed: float
    written: Mapping[str, int]

    def columns(self) -> dict[str, str]:
        """Return the figures as they are printed, by heading."""
        return {
            "calls/q": f"{self.calls:.1f}",
            "read/q": f"{self.prompt_tokens:.0f}",
            "written/q": f"{self.output_tokens:.0f}",
            "s/q": f"{self.seconds:.1f}",
            "malformed": f"{self.malformed:.4f}",
        }


def read_cost(source: Source) -> Cost:
    """Read a trace. What was asked twice was paid twice, so every line counts.

    Raises:
        DataError: a line is no line of a trace, or none holds a completion.
    """
    written: dict[str, int] = {}
    calls, prompt_tokens, seconds, malformed = 0, 0, 0.0, 0
    for place, row in read_objects(source):
        if "completion" not in row:
            continue  # the header of a start
        if "qid" not in row or "outcome" not in row:
            raise DataError(
                f'{place}: expected "qid" and "outcome" beside "completion", found {sorted(row)}; costs are read '
                f"from what `rearank rerank --trace` wrote"
            )
        calls += 1
        prompt_tokens += int(row.get("prompt_tokens", 0))
        seconds += float(row.get("seconds", 0.0))
        malformed += row["outcome"] in MALFORMED
        written[str(row["qid"])] = written.get(str(row["qid"]), 0) + int(row.get("output_tokens", 0))
    if not calls:
        raise DataError(f"{source.name}: expected a trace, found no line with a completion")
    queries = len(written)
    return Cost(
        queries, calls / queries, prompt_tokens / queries, sum(written.values()) / queries, seconds / queries,
        malformed / calls, written,
    )  # fmt: skip
