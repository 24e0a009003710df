"""Reranking a stream of candidates, from the engine to the health line."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rearank_cli.console import note
from rearank_cli.engines.opening import Opened
from rearank_cli.engines.protocol import Sampling
from rearank_cli.errors import DataError
from rearank_cli.formats.streams import STDIN
from rearank_cli.formats.trace import Answer, Row
from rearank_cli.formats.trec import clean_tag
from rearank_cli.ranking.compose import ChatComposer
from rearank_cli.ranking.health import Health
from rearank_cli.ranking.journal import Journal
from rearank_cli.ranking.profiles import Profile
from rearank_cli.ranking.scheduler import Compose, Scheduler
from rearank_cli.ranking.strategies import sliding
from rearank_cli.ranking.tokens import TokenComposer
from rearank_cli.records import Candidates


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to rerank: `depth` counts hits, `lookahead` queries, `max_malformed` percent (0 to 100)."""

    profile: Profile
    sampling: Sampling
    passes: int = 1
    depth: int | None = None
    lookahead: int | None = None
    trace: str | None = None
    max_malformed: float = 50.0
    keep_texts: bool = True


def rerank(stream: Iterable[Candidates], opened: Opened, plan: Plan) -> Iterator[Candidates]:
    """Yield the queries of a stream, reranked, in their order; end with the health line on stderr.

    Raises:
        DataError: the input is malformed, or more answers than `max_malformed` could not be read.
        RearankError: the engine cannot go on, or the trace cannot be written.
    """
    health, started = Health(), time.monotonic()
    journal = Journal(plan.trace, _asked(opened, plan)) if plan.trace else None
    scheduler = _scheduler(opened, plan, health, journal)
    try:
        for candidates in scheduler.rerank(stream):
            health.queries += 1
            yield candidates
    finally:
        opened.engine.close()
        if journal is not None:
            journal.close()
        health.seconds = time.monotonic() - started
        note(str(health))
    if health.malformed > plan.max_malformed:
        raise DataError(
            f"{health.malformed:.0f} % of the answers were truncated or empty, more than --max-malformed "
            f"{plan.max_malformed:g}: expected a model that answers {plan.profile.template.name!r} prompts; "
            "look at them with --trace, or raise --max-tokens"
        )


def _scheduler(opened: Opened, plan: Plan, health: Health, journal: Journal | None) -> Scheduler:
    profile = plan.profile

    def count_and_record(answer: Answer) -> None:
        health.count(answer)
        if journal is not None:
            journal.record(answer)

    return Scheduler(
        opened.engine,
        compose=_composer(opened, plan),
        strategy=lambda n: sliding(n, size=profile.window, step=profile.step, passes=plan.passes),
        on_answer=count_and_record,
        **({} if journal is None else {"recall": journal.recall}),
        depth=plan.depth,
        lookahead=plan.lookahead,
        keep_texts=plan.keep_texts,
    )


def _composer(opened: Opened, plan: Plan) -> Compose:
    if opened.tokenizer is None:
        return ChatComposer(plan.profile.template)
    limit = opened.context - plan.sampling.max_tokens if opened.context else None
    return TokenComposer(plan.profile.template, opened.tokenizer, limit=limit)


def _asked(opened: Opened, plan: Plan) -> Row:
    return {
        "model": plan.profile.model,
        "engine": opened.name,
        "prompt": plan.profile.template.name,
        "sampling": asdict(plan.sampling),
    }


def chosen(stream: Iterable[Candidates], *, limit: int | None, qids: frozenset[str]) -> Iterator[Candidates]:
    """Yield the first `limit` queries among `qids` (all where it is empty), each checked to have texts.

    Raises:
        DataError: a hit has no text, as in a bare run, or no query was chosen.
    """
    left = limit if limit is not None else -1
    found = False
    for candidates in stream:
        if qids and candidates.query.qid not in qids:
            continue
        if any(hit.text is None for hit in candidates.hits):
            raise DataError(
                f"query {candidates.query.qid!r}: expected candidates with texts, found a bare run; "
                "a reranker reads the passages: pipe in what rearank retrieve writes"
            )
        found = True
        yield candidates
        left -= 1
        if left == 0:
            return
    if not found:
        raise DataError("no query was left to rerank; check --qids and the input")


def run_tag(tag: str, source: str, model: str) -> str:
    """Return the tag `<dataset>:<retriever>:<model>` of a reranked run.

    >>> run_tag("dl19:bm25", "-", "le723z/Rearank-7B")
    'dl19:bm25:le723z/Rearank-7B'
    >>> run_tag("anserini", "runs/a.json", "m"), run_tag("", "runs/a.json", "m"), run_tag("d:r:m", "-", "n")
    ('-:anserini:m', '-:a:m', 'd:r:m+n')
    """
    stem = "stdin" if source in ("-", STDIN) else Path(source).name.partition(".")[0]
    dataset, retriever, before = (*(tag or stem).split(":", 2), "", "")[:3]
    if not retriever:
        dataset, retriever = "-", dataset
    return clean_tag(f"{dataset}:{retriever}:{before + '+' if before else ''}{model}")
