"""The options of `rearank retrieve`, each with its name, unit and help."""

from enum import StrEnum
from typing import Annotated

import typer

from rearank_cli.retrieval.request import Backend


class Format(StrEnum):
    """What is written."""

    JSONL = "jsonl"
    TREC = "trec"


Dataset = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="A name of --list, an id of ir_datasets, or a folder in BEIR's layout."
    ),
]
Corpus = Annotated[
    str, typer.Option(metavar="FILE", help="Documents instead: JSON lines (_id, title, text) or TSV.")
]
Topics = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help="Queries: JSON lines or TSV; - reads stdin. Without it: the dataset's judged queries, or with "
        "--corpus the lines of stdin.",
    ),
]
Split = Annotated[str, typer.Option(help="Which judged queries of the dataset: train, dev, test.")]
AllQueries = Annotated[bool, typer.Option("--all-queries", help="Ask the dataset's unjudged queries too.")]
Index = Annotated[
    str,
    typer.Option(
        metavar="FOLDER",
        help="Keep the index here, not in the user's cache; alone, search what is there. With --backend "
        "lucene also the name of a prebuilt index.",
    ),
]
Searcher = Annotated[
    Backend,
    typer.Option(
        help="bm25: embedded, no Java; lucene: the extra `pyserini`; auto: lucene where the extra is there and "
        "a prebuilt index saves the download of the documents."
    ),
]
Run = Annotated[str, typer.Option(metavar="FILE", help="Retrieve nothing: give this TREC run its texts.")]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing", help="Leave out documents of --run that are not there.")
]
Hits = Annotated[int, typer.Option(min=1, help="Documents a query.")]
K1 = Annotated[float, typer.Option(min=0, help="How late a term's repetitions stop counting.")]
B = Annotated[float, typer.Option(min=0, max=1, help="How much a document's length counts.")]
Written = Annotated[
    Format, typer.Option("--format", help="jsonl: candidates with texts, for rerank; trec: a run.")
]
Tag = Annotated[
    str, typer.Option(help="Tag of the run; by default the dataset and the retriever, demo:bm25.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Agree to a download of more than 1 GB.")]
Offline = Annotated[bool, typer.Option("--offline", help="Download nothing; as HF_HUB_OFFLINE=1.")]
List = Annotated[bool, typer.Option("--list", help="List the names, sizes and what is here, as TSV.")]
