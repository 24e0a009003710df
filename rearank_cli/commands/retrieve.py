"""`rearank retrieve`: a collection and queries in, each query's best documents out."""

import os
from enum import StrEnum
from typing import Annotated

import typer

from rearank_cli.commands.options import Output
from rearank_cli.datasets import listing
from rearank_cli.formats.jsonl import write_candidates
from rearank_cli.formats.streams import open_sink
from rearank_cli.formats.trec import write_run
from rearank_cli.retrieval.bm25 import K1, B
from rearank_cli.retrieval.request import Backend, Request, answered


class Format(StrEnum):
    """What is written."""

    JSONL = "jsonl"
    TREC = "trec"


def retrieve(
    *,
    dataset: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="A name of --list, an id of ir_datasets, or a folder in BEIR's layout."
        ),
    ] = "",
    corpus: Annotated[
        str, typer.Option(metavar="FILE", help="Documents instead: JSON lines (_id, title, text) or TSV.")
    ] = "",
    topics: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Queries: JSON lines or TSV; - reads stdin. Without it: the dataset's judged queries, or with "
            "--corpus the lines of stdin.",
        ),
    ] = "",
    split: Annotated[
        str, typer.Option(help="Which judged queries of the dataset: train, dev, test.")
    ] = "test",
    all_queries: Annotated[
        bool, typer.Option("--all-queries", help="Ask the dataset's unjudged queries too.")
    ] = False,
    index: Annotated[
        str,
        typer.Option(
            metavar="FOLDER",
            help="Keep the index here, not in the user's cache; alone, search what is there.",
        ),
    ] = "",
    backend: Annotated[
        Backend,
        typer.Option(
            help="bm25: embedded, no Java; lucene: the extra `pyserini`; auto: lucene for a dataset with a "
            "prebuilt index, where the extra is installed."
        ),
    ] = Backend.AUTO,
    run: Annotated[
        str, typer.Option(metavar="FILE", help="Retrieve nothing: give this TREC run its texts.")
    ] = "",
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out documents of --run that are not there.")
    ] = False,
    hits: Annotated[int, typer.Option(min=1, help="Documents a query.")] = 100,
    k1: Annotated[float, typer.Option(min=0, help="How late a term's repetitions stop counting.")] = K1,
    b: Annotated[float, typer.Option(min=0, max=1, help="How much a document's length counts.")] = B,
    output: Output = "-",
    format: Annotated[  # noqa: A002 - the option's name
        Format, typer.Option(help="jsonl: candidates with texts, for rerank; trec: a run.")
    ] = Format.JSONL,
    tag: Annotated[
        str, typer.Option(help="Tag of the run; by default the dataset and the retriever, demo:bm25.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Agree to a download of more than 1 GB.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Download nothing; as HF_HUB_OFFLINE=1.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the names, sizes and what is here.")] = False,
) -> None:
    """Rank a collection's documents for each query by BM25, as Lucene does."""
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
            if format is Format.TREC:
                write_run(sink, candidates, candidates.tag)
            else:
                write_candidates(sink, candidates)
