"""A request for a first stage, from its options to the candidates."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum

from rearank_cli.datasets import catalogue
from rearank_cli.datasets.collections import UNNAMED, Collection, Corpus, file_corpus, nothing
from rearank_cli.datasets.documents import read_queries
from rearank_cli.datasets.opening import open_dataset
from rearank_cli.datasets.texts import attach_texts, open_texts
from rearank_cli.errors import UsageError
from rearank_cli.formats.streams import open_source
from rearank_cli.formats.trec import clean_tag, read_run
from rearank_cli.records import Candidates, Query
from rearank_cli.retrieval import embedded, lucene
from rearank_cli.retrieval.bm25 import K1, B
from rearank_cli.retrieval.first_stage import Retriever, first_stage


class Backend(StrEnum):
    """What searches."""

    AUTO = "auto"
    """Lucene for a dataset with a prebuilt index, where the extra is installed and the embedded BM25 would
    have to download the documents first; else the embedded BM25."""
    BM25 = "bm25"
    LUCENE = "lucene"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to search (a dataset, or a corpus file, or an index alone), for what, and how.

    An empty string is an option that was not given. `topics` is a file, or "-" for stdin; without it a
    dataset's judged queries are asked (`all_queries`: the others too), and of anything else stdin's lines.
    `yes` agrees to a large download. With `run`, nothing is retrieved: that TREC run gets its texts, the best
    `hits` of each query, and `skip_missing` leaves out what is not in the collection.
    """

    dataset: str = ""
    split: str = "test"
    all_queries: bool = False
    yes: bool = False
    corpus: str = ""
    topics: str = ""
    index: str = ""
    backend: Backend = Backend.AUTO
    run: str = ""
    skip_missing: bool = False
    hits: int = 100
    k1: float = K1
    b: float = B
    tag: str = ""


def answered(request: Request) -> Iterator[Candidates]:
    """Yield the candidates of each query, in the queries' order, each before the next query is read.

    Raises:
        UsageError: the options do not say what to search, or stdin is a terminal.
        MissingInput: a dataset, file or index is not there.
        DataError: an input is malformed.
        OutputError: the index cannot be kept where it was wished.
        Unavailable: the extra for Lucene is not installed, or Lucene died.
    """
    if request.run:
        yield from _attached(request)
        return
    _check(request)
    collection = _collection(request) if request.dataset else None
    own = collection.queries() if collection and not request.topics else None
    with _asked(request, own) as queries, _retriever(request, collection) as retriever:
        yield from first_stage(
            retriever,
            queries,
            hits=request.hits,
            tag=clean_tag(request.tag or f"{collection.tag if collection and own else UNNAMED}:bm25"),
            leave_out=collection.leave_out if collection and own else nothing,
        )


def _attached(request: Request) -> Iterator[Candidates]:
    texts = open_texts(request.dataset, request.corpus, request.topics, split=request.split, yes=request.yes)
    with open_source(request.run) as source:
        run = (replace(one, hits=one.hits[: request.hits]) for one in read_run(source))
        for one in attach_texts(run, texts, skip_missing=request.skip_missing):
            yield replace(one, tag=clean_tag(request.tag or one.tag))


def _collection(request: Request) -> Collection:
    return open_dataset(request.dataset, request.split, all_queries=request.all_queries, yes=request.yes)


def _check(request: Request) -> None:
    if request.dataset and request.corpus:
        raise UsageError("--dataset and --corpus both say what to search; give one of them")
    if not (request.dataset or request.corpus or request.index):
        raise UsageError("say what to search: --dataset NAME, or --corpus FILE, or --index FOLDER")
    if request.corpus == "-" and request.topics in ("", "-"):
        raise UsageError("documents and queries cannot both come from stdin; name a file with --topics")


@contextmanager
def _asked(request: Request, own: list[Query] | None) -> Iterator[Iterable[Query]]:
    if own is not None:
        yield own
        return
    with open_source(request.topics or "-") as source:
        yield read_queries(source, plain=not request.topics)


def _retriever(request: Request, collection: Collection | None) -> AbstractContextManager[Retriever]:
    corpus = file_corpus(request.corpus) if request.corpus else collection.corpus if collection else None
    prebuilt = _prebuilt(request, corpus)
    if prebuilt:
        return lucene.ready_made(prebuilt, k1=request.k1, b=request.b, yes=request.yes)
    if corpus is None:
        return nullcontext(embedded.stored(request.index))
    if request.backend is Backend.LUCENE:
        return lucene.local(corpus, request.index, k1=request.k1, b=request.b)
    return nullcontext(embedded.retriever(corpus, request.index, k1=request.k1, b=request.b))


def _prebuilt(request: Request, corpus: Corpus | None) -> str:
    """Return the name of the prebuilt Lucene index to search, or "" where another is meant."""
    if corpus is None:
        return request.index if request.backend is Backend.LUCENE else ""
    if request.backend is Backend.LUCENE and not request.index:
        return corpus.index
    if request.backend is Backend.AUTO and not request.index and corpus.index:
        return corpus.index if _rather_lucene(corpus, request) else ""
    return ""


def _rather_lucene(corpus: Corpus, request: Request) -> bool:
    """Return whether a prebuilt index is the shorter way: it is here, or what the embedded BM25 needs is not."""
    if lucene.missing() or lucene.is_here(corpus.index):
        return not lucene.missing()
    embedded_ready = corpus.here() or embedded.is_here(corpus, k1=request.k1, b=request.b)
    return not (embedded_ready or catalogue.offline())
