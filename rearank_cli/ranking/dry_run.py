"""What a run would ask, and at most cost, without its model."""

from collections.abc import Iterable
from dataclasses import dataclass

from rearank_cli.engines.dry import DryEngine
from rearank_cli.engines.opening import EngineName, Opened
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.formats.trace import Row
from rearank_cli.ranking.reranking import Plan, Reranking
from rearank_cli.ranking.stopping import Stop
from rearank_cli.records import Candidates


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a million tokens, in any currency; None where they are not known."""

    prompt: float | None = None
    output: float | None = None


def dry_run(
    stream: Iterable[Candidates],
    plan: Plan,
    tokenizer: ChatTokenizer | None,
    context: int | None,
    prices: Prices,
) -> Row:
    """Walk all windows as if every answer left the order as it is, and return the counts.

    The windows are those of the run. Their prompts are tokenised for real where a tokenizer is given,
    else estimated; what a later window shows depends on the answers before it, so that a run's own sum
    differs a little.

    Raises:
        DataError: the input is malformed, or a window does not fit into the context.
    """
    engine = DryEngine()
    reranking = Reranking(Opened(EngineName.AUTO, engine, tokenizer, context), plan, Stop())
    queries = sum(1 for _ in reranking.run(stream))
    expected = engine.expected
    output = expected.windows * plan.sampling.max_tokens
    row: Row = {
        "queries": queries,
        "windows": expected.windows,
        "prompt_tokens": expected.prompt_tokens,
        "longest_prompt": expected.longest_prompt,
        "prompts_cut_to_the_context": reranking.health.shortened,
        "output_tokens_at_most": output,
        "exact": expected.exact,
    }
    if prices.prompt is not None or prices.output is not None:
        cost = expected.prompt_tokens * (prices.prompt or 0.0) + output * (prices.output or 0.0)
        row["cost_at_most"] = round(cost / 1e6, 4)
    return row
