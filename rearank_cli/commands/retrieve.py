"""`rearank retrieve`: a collection and queries in, each query's best documents out."""

import os

from rearank_cli.commands import retrieve_options as options
from rearank_cli.commands.named_files import check_outside, of_dataset
from rearank_cli.commands.options import Output
from rearank_cli.datasets import listing
from rearank_cli.formats.jsonl import write_candidates
from rearank_cli.formats.overlaps import check_overlaps
from rearank_cli.formats.streams import open_sink
from rearank_cli.formats.trec import write_run
from rearank_cli.retrieval.bm25 import K1, B
from rearank_cli.retrieval.request import Backend, Request, answered


def retrieve(
    *,
    dataset: options.Dataset = "",
    corpus: options.Corpus = "",
    topics: options.Topics = "",
    split: options.Split = "test",
    all_queries: options.AllQueries = False,
    index: options.Index = "",
    backend: options.Searcher = Backend.AUTO,
    run: options.Run = "",
    skip_missing: options.SkipMissing = False,
    hits: options.Hits = 100,
    k1: options.K1 = K1,
    b: options.B = B,
    output: Output = "-",
    written: options.Written = options.Format.JSONL,
    tag: options.Tag = "",
    yes: options.Yes = False,
    offline: options.Offline = False,
    list_: options.List = False,
) -> None:
    """Rank a collection's documents for each query by BM25.

    The figures are Lucene's, without Java.

    \b
    Example: rearank retrieve --dataset demo --hits 30 > bm25.jsonl
    """
    read = [("--corpus", corpus), ("--topics", topics), ("--run", run), *of_dataset(dataset)]
    read += [("stdin", "" if topics or dataset or run else "-")]
    check_overlaps(read=read, written=[("-o", output)])
    check_outside(index, output)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    request = Request(
        dataset=dataset, split=split, all_queries=all_queries, yes=yes, corpus=corpus, topics=topics,
        index=index, backend=backend, run=run, skip_missing=skip_missing, hits=hits, k1=k1, b=b, tag=tag,
    )  # fmt: skip
    with open_sink(output) as sink:
        if list_:
            sink.write("".join(f"{line}\n" for line in listing.lines()).encode())
            return
        for candidates in answered(request):
            if written is options.Format.TREC:
                write_run(sink, candidates, candidates.tag)
            else:
                write_candidates(sink, candidates)
