"""`rearank rerank` as a function, over the same records: the way in for programs."""

from collections.abc import Iterable, Iterator

from rearank_cli.console import note
from rearank_cli.engines.opening import EngineOptions, open_engine
from rearank_cli.formats.overlaps import check_overlaps
from rearank_cli.ranking.choosing import chosen
from rearank_cli.ranking.profiles import profile
from rearank_cli.ranking.reranking import Plan, Reranking
from rearank_cli.ranking.stopping import Stop
from rearank_cli.records import Candidates, Sampling


def rerank(
    stream: Iterable[Candidates],
    model: str | None,
    *,
    engine: EngineOptions | None = None,
    prompt: str | None = None,
    window: int | None = None,
    step: int | None = None,
    temperature: float = 0.0,
    trace: str | None = None,
) -> Iterator[Candidates]:
    """Yield the queries of a stream, reranked, in their order; the engine is loaded when the first is asked for.

    `model` is a folder, a hub id, "demo", a server's name for it, or None for a replay; `engine` says what
    answers, as the command line would (nothing: `auto`). `window` and `step` count passages. None leaves prompt,
    window and step to the model. `trace` names the journal to resume from and to append to.

    For what else `rearank rerank` can do, make a `Plan` and a `Reranking` as this function does. Notes go to
    stderr; `rearank_cli.console.configure(quiet=True)` leaves them out.

    Raises:
        RearankError: as `rearank rerank` would end; its `status` is the command's.
    """
    replay = engine.replay if engine else None
    check_overlaps(read=[("replay", replay)], written=[("trace", trace)])
    how = profile(model, prompt=prompt, window=window, step=step)
    if how.remark and model is not None and not replay:
        note(how.remark)
    sampling = Sampling(how.template.max_tokens, temperature, think=how.think)
    opened = open_engine(how.model if model else None, sampling, engine or EngineOptions())
    plan = Plan(profile=how, sampling=sampling, trace=trace)
    yield from Reranking(opened, plan, Stop()).run(chosen(stream, limit=None, qids=frozenset()))
