"""`rearank rerank`: candidates in, a run out, window by window."""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from rearank_cli.commands.options import Input, Output
from rearank_cli.console import note
from rearank_cli.engines.opening import EngineName, EngineOptions, model_name, open_engine
from rearank_cli.engines.protocol import Sampling
from rearank_cli.formats.detect import read_rankings
from rearank_cli.formats.jsonl import write_candidates
from rearank_cli.formats.streams import open_sink, open_source
from rearank_cli.formats.trec import clean_tag, write_run
from rearank_cli.ranking.profiles import profile
from rearank_cli.ranking.reranking import Plan, chosen, run_tag
from rearank_cli.ranking.reranking import rerank as rerank_stream


class Format(StrEnum):
    """What is written."""

    TREC = "trec"
    JSONL = "jsonl"


def rerank(
    file: Input = "-",
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Model folder, hub id, or demo for the bundled one."),
    ] = None,
    engine: Annotated[
        EngineName | None,
        typer.Option(help="What answers; replay where --replay is given, else transformers."),
    ] = None,
    replay: Annotated[
        str | None, typer.Option(metavar="FILE", help="Take answers from a recording or an earlier --trace.")
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="rearank, rankgpt, or a .toml file; default: the model's own."),
    ] = None,
    window: Annotated[
        int | None, typer.Option(min=2, help="Passages a prompt shows; default: the model's, or 20.")
    ] = None,
    step: Annotated[
        int | None, typer.Option(help="Passages between two windows (stride); default: half a window.")
    ] = None,
    passes: Annotated[int, typer.Option(min=1, help="Sweeps over each list.")] = 1,
    depth: Annotated[int | None, typer.Option(min=1, help="Rerank the top N, keep the rest below.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N queries.")] = None,
    qids: Annotated[str | None, typer.Option(metavar="ID,ID", help="Only these queries.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest completion; default: the prompt's.")
    ] = None,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0,
    top_p: Annotated[
        float, typer.Option(min=0, max=1, help="Nucleus sampling, where the temperature is not 0.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Of sampling.")] = 0,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Windows a batch; default: 16 on a CPU, 64 on a GPU.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that a model folder brings.")
    ] = False,
    trace: Annotated[
        str | None, typer.Option(metavar="FILE", help="Append every prompt's answer and its reading.")
    ] = None,
    max_malformed: Annotated[
        float,
        typer.Option(min=0, max=100, help="Fail (65) where more percent of answers are truncated or empty."),
    ] = 50.0,
    output: Output = "-",
    format: Annotated[Format, typer.Option(help="trec run, or candidates as jsonl.")] = Format.TREC,  # noqa: A002
    tag: Annotated[str | None, typer.Option(help="Run tag instead of <dataset>:<retriever>:<model>.")] = None,
) -> None:
    """Rerank candidates with a language model that reads windows of them.

    Example: rearank retrieve --dataset demo | rearank rerank --model demo > run.trec
    """
    how = profile(model, prompt=prompt, window=window, step=step)
    if how.remark and not replay:
        note(how.remark)
    options = EngineOptions(name=engine, replay=replay, batch=batch, trust_remote_code=trust_remote_code)
    plan = Plan(
        profile=how,
        sampling=Sampling(max_tokens or how.template.max_tokens, temperature, top_p, seed),
        passes=passes,
        depth=depth,
        trace=trace,
        max_malformed=max_malformed,
        keep_texts=format is Format.JSONL,
    )
    wanted = frozenset(filter(None, (qids or "").split(",")))
    name = model_name(model, options)
    with open_source(file) as source, open_sink(output) as sink:
        stream = chosen(read_rankings(source), limit=limit, qids=wanted)
        opened = open_engine(how.model if model else None, plan.sampling, options)
        for candidates in rerank_stream(stream, opened, plan):
            label = clean_tag(tag) if tag else run_tag(candidates.tag, source.name, name)
            if format is Format.TREC:
                write_run(sink, candidates, label)
            else:
                write_candidates(sink, replace(candidates, tag=label))
