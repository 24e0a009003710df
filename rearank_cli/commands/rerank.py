"""`rearank rerank`: candidates in, a run out, window by window."""

from dataclasses import replace

import orjson

from rearank_cli.commands import rerank_options as options
from rearank_cli.commands.named_files import of_dataset, of_model, of_prompt
from rearank_cli.commands.options import ApiKeyEnv, Input, Log, Output, Prompt, Quiet
from rearank_cli.console import LogFormat, configure, note
from rearank_cli.datasets.texts import attach_texts, open_texts
from rearank_cli.engines.opening import EngineName, EngineOptions, model_name, open_engine
from rearank_cli.engines.tokenizer import ChatTokenizer, context_of
from rearank_cli.formats.detect import read_rankings
from rearank_cli.formats.jsonl import write_candidates
from rearank_cli.formats.outputs import check_output
from rearank_cli.formats.overlaps import check_overlaps
from rearank_cli.formats.provenance import (
    check_provenance,
    clean_argument,
    provenance_file,
    write_provenance,
)
from rearank_cli.formats.streams import STDIN, open_sink, open_source
from rearank_cli.formats.trec import clean_tag, write_run
from rearank_cli.ranking.choosing import begun, chosen, run_tag
from rearank_cli.ranking.dry_run import Prices
from rearank_cli.ranking.dry_run import dry_run as count_windows
from rearank_cli.ranking.limits import Limits
from rearank_cli.ranking.profiles import profile
from rearank_cli.ranking.reranking import Plan, Reranking
from rearank_cli.ranking.stopping import Stop
from rearank_cli.records import Sampling


def rerank(
    file: Input = "-",
    *,
    dataset: options.Dataset = "",
    corpus: options.Corpus = "",
    topics: options.Topics = "",
    skip_missing: options.SkipMissing = False,
    model: options.Model = None,
    engine: options.Engine = EngineName.AUTO,
    replay: options.Replay = None,
    base_url: options.BaseUrl = None,
    api_key_env: ApiKeyEnv = None,
    concurrency: options.Concurrency = None,
    request_timeout: options.RequestTimeout = None,
    retries: options.Retries = None,
    wait: options.Wait = None,
    batch: options.Batch = None,
    adapter: options.Adapter = None,
    tensor_parallel: options.TensorParallel = None,
    max_model_len: options.MaxModelLen = None,
    gpu_memory: options.GpuMemory = None,
    eager: options.Eager = None,
    trust_remote_code: options.TrustRemoteCode = False,
    prompt: Prompt = None,
    window: options.Window = None,
    step: options.Step = None,
    passes: options.Passes = 1,
    depth: options.Depth = None,
    limit: options.Limit = None,
    qids: options.Qids = None,
    lookahead: options.Lookahead = None,
    max_tokens: options.MaxTokens = None,
    temperature: options.Temperature = 0.0,
    top_p: options.TopP = 1.0,
    seed: options.Seed = 0,
    think: options.Think = None,
    constrain: options.Constrain = False,
    deterministic: options.Deterministic = False,
    force_answer: options.ForceAnswer = False,
    repair_retries: options.RepairRetries = 0,
    dry_run: options.DryRun = False,
    tokenizer: options.Tokenizer = None,
    price_in: options.PriceIn = None,
    price_out: options.PriceOut = None,
    trace: options.Trace = None,
    max_malformed: options.MaxMalformed = "50%",
    max_repaired: options.MaxRepaired = None,
    fail_above: options.FailAbove = "0%",
    retry_refused: options.RetryRefused = False,
    max_time: options.MaxTime = None,
    grace: options.Grace = "60s",
    partial: options.Partial = False,
    quiet: Quiet = False,
    log_format: Log = LogFormat.TEXT,
    output: Output = "-",
    format: options.Written = options.Format.TREC,  # noqa: A002
    tag: options.Tag = None,
) -> None:
    """Rerank candidates by a language model, window by window.

    \b
    Example: rearank rerank bm25.jsonl --model demo > run.trec
    """
    configure(quiet=quiet, log_format=log_format)
    stop = Stop(
        max_time=None if max_time is None else options.duration(max_time), grace=options.duration(grace)
    )
    read = [("the input", file), ("--corpus", corpus), ("--topics", topics), ("--replay", replay)]
    read += [*of_dataset(dataset), *of_prompt(prompt)]
    read += [*of_model("--model", model), *of_model("--adapter", adapter)]
    kept = [] if dry_run else [("--trace", trace), ("the provenance file of -o", provenance_file(output))]
    check_overlaps(read=read, written=[("-o", output), *kept])
    check_output(output)
    if not dry_run:
        check_provenance(output)
        if trace:
            check_output(trace, appended=True)
    how = profile(model, prompt=prompt, window=window, step=step, think=think)
    if how.remark and not replay:
        note(how.remark)
    served = engine is EngineName.ENDPOINT or bool(base_url)
    waited = wait or (max_time if served else None)
    wanted = EngineOptions(
        name=engine,
        replay=replay,
        base_url=tuple(base_url or ()),
        api_key_env=api_key_env,
        concurrency=concurrency,
        request_timeout=None if request_timeout is None else options.duration(request_timeout),
        retries=retries,
        wait=None if waited is None else options.duration(waited),
        stopping=lambda: stop.wanted,
        batch=batch,
        adapter=adapter,
        tensor_parallel=tensor_parallel,
        max_model_len=max_model_len,
        gpu_memory_utilization=gpu_memory,
        eager=eager,
        tokenizer=tokenizer if served else None,
        constrain=constrain,
        deterministic=deterministic,
        trust_remote_code=trust_remote_code,
    )
    plan = Plan(
        profile=how,
        sampling=Sampling(max_tokens or how.template.max_tokens, temperature, top_p, seed, how.think),
        passes=passes,
        depth=depth,
        lookahead=lookahead,
        repairs=repair_retries,
        force_answer=force_answer,
        constrain=constrain,
        deterministic=deterministic,
        trace=trace,
        limits=Limits(
            max_malformed=options.percent(max_malformed),
            max_repaired=None if max_repaired is None else options.percent(max_repaired),
            fail_above=options.percent(fail_above),
        ),
        retry_refused=retry_refused,
        partial=partial,
        keep_texts=format is options.Format.JSONL,
    )
    only = frozenset(filter(None, (qids or "").split(",")))
    name = model_name(model, wanted)
    with open_source(file) as source, open_sink(output) as sink:
        rankings = read_rankings(source)
        if dataset or corpus:
            rankings = attach_texts(rankings, open_texts(dataset, corpus, topics), skip_missing=skip_missing)
        stream = chosen(rankings, limit=limit, qids=only)
        if dry_run:
            counting, context = _counting(how.model if model else None, tokenizer, wanted, served=served)
            plan = replace(plan, trace=None, limits=Limits())
            expected = count_windows(stream, plan, counting, context, Prices(price_in, price_out))
            sink.write(orjson.dumps(expected, option=orjson.OPT_APPEND_NEWLINE))
            return
        # Behind a pipe the model is loaded while the stage before works; a file is looked at first.
        if source.name != STDIN:
            stream = begun(stream)
        reranking = Reranking(open_engine(how.model if model else None, plan.sampling, wanted), plan, stop)
        for candidates in reranking.run(stream, source.share_read):
            label = clean_tag(tag) if tag else run_tag(candidates.tag, source.name, name)
            if format is options.Format.TREC:
                write_run(sink, candidates, label)
            else:
                write_candidates(sink, replace(candidates, tag=label))
    if output != "-":
        facts = {"input": {"name": clean_argument(source.name), "sha256": source.sha256}, **reranking.facts()}
        write_provenance(output, facts)
    if reranking.stopped is not None:
        raise reranking.stopped


def _counting(
    model: str | None, tokenizer: str | None, wanted: EngineOptions, *, served: bool
) -> tuple[ChatTokenizer | None, int | None]:
    """Return the tokenizer and context that a dry run counts with; none for a server's unnamed tokenizer."""
    if tokenizer is None and (served or model is None):
        note("without --tokenizer the counts of tokens are estimates: 4 characters a token")
        return None, None
    trusted = wanted.trust_remote_code
    context = wanted.max_model_len
    if context is None and model is not None and not served:
        context = context_of(model, trust_remote_code=trusted)
    return ChatTokenizer(tokenizer or str(model), trust_remote_code=trusted), context
