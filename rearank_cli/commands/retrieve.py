"""`rearank retrieve`: a collection and queries in, each query's best documents out."""

from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Annotated

import typer

from rearank_cli.commands.options import Output
from rearank_cli.datasets.collections import Collection, open_dataset, open_files
from rearank_cli.errors import UsageError
from rearank_cli.formats.jsonl import write_candidates
from rearank_cli.formats.streams import open_sink
from rearank_cli.formats.trec import clean_tag, write_run
from rearank_cli.retrieval.bm25 import K1, B
from rearank_cli.retrieval.first_stage import first_stage


class Format(StrEnum):
    """What is written."""

    JSONL = "jsonl"
    TREC = "trec"


def retrieve(
    *,
    dataset: Annotated[
        str,
        typer.Option(metavar="NAME", help="The bundled `demo`, or a folder in BEIR's layout."),
    ] = "",
    corpus: Annotated[
        str, typer.Option(metavar="FILE", help="Documents instead: JSON lines (_id, title, text) or TSV.")
    ] = "",
    topics: Annotated[
        str, typer.Option(metavar="FILE", help="Queries for --corpus: JSON lines or TSV; - reads stdin.")
    ] = "",
    split: Annotated[
        str, typer.Option(help="Which judged queries of the dataset: train, dev, test.")
    ] = "test",
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
) -> None:
    """Rank a collection's documents for each query by BM25, as Lucene does, without Java."""
    with _opened(dataset, corpus, topics, split) as collection, open_sink(output) as sink:
        named = clean_tag(tag or f"{collection.name}:bm25")
        for candidates in first_stage(collection, hits=hits, k1=k1, b=b, tag=named):
            if format is Format.TREC:
                write_run(sink, candidates, named)
            else:
                write_candidates(sink, candidates)


def _opened(dataset: str, corpus: str, topics: str, split: str) -> AbstractContextManager[Collection]:
    if dataset and not corpus and not topics:
        return nullcontext(open_dataset(dataset, split))
    if corpus and topics and not dataset:
        return open_files(corpus, topics)
    raise UsageError("say what to search: either --dataset NAME, or --corpus FILE and --topics FILE")
