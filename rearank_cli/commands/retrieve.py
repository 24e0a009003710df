"""`rearank retrieve`: a collection and queries in, each query's best documents out."""

from enum import StrEnum
from typing import Annotated

import typer

from rearank_cli.commands.options import Output
from rearank_cli.formats.jsonl import write_candidates
from rearank_cli.formats.streams import open_sink
from rearank_cli.formats.trec import write_run
from rearank_cli.retrieval.bm25 import K1, B
from rearank_cli.retrieval.request import Request, answered


class Format(StrEnum):
    """What is written."""

    JSONL = "jsonl"
    TREC = "trec"


def retrieve(
    *,
    dataset: Annotated[
        str, typer.Option(metavar="NAME", help="The bundled `demo`, or a folder in BEIR's layout.")
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
    index: Annotated[
        str,
        typer.Option(
            metavar="FOLDER",
            help="Keep the index here, not in the user's cache; alone, search what is there.",
        ),
    ] = "",
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
    request = Request(
        dataset=dataset,
        split=split,
        corpus=corpus,
        topics=topics,
        index=index,
        hits=hits,
        k1=k1,
        b=b,
        tag=tag,
    )
    with open_sink(output) as sink:
        for candidates in answered(request):
            if format is Format.TREC:
                write_run(sink, candidates, candidates.tag)
            else:
                write_candidates(sink, candidates)
