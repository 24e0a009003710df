"""Published figures of BM25 (Anserini, k1 0.9, b 0.4) from the embedded retriever, on real collections."""

import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
import pytrec_eval

from rearank_cli.datasets import beir
from rearank_cli.datasets.collections import nothing
from rearank_cli.datasets.documents import Document
from rearank_cli.datasets.opening import open_dataset
from rearank_cli.formats import trec
from rearank_cli.formats.streams import open_source
from rearank_cli.records import Qrels, Query
from rearank_cli.retrieval import bm25
from rearank_cli.retrieval.embedded import Embedded
from rearank_cli.retrieval.first_stage import first_stage


def measured(
    documents: Iterable[Document], queries: Iterable[Query], qrels: Qrels, measures: set[str], hits: int
) -> Mapping[str, float]:
    """Return each measure's mean over all judged queries, to four decimals."""
    stored = list(documents)
    retriever = Embedded(bm25.build((each.docid, each.indexed) for each in stored), stored)
    ranked = first_stage(retriever, queries, hits=hits, tag="", leave_out=nothing)
    run = {one.query.qid: {hit.docid: hit.score for hit in one.hits} for one in ranked}
    figures = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run).values()
    return {name: round(sum(row[name] for row in figures) / len(qrels), 4) for name in next(iter(figures))}


def test_scifact(shared: Path) -> None:
    qrels = beir.read_qrels(shared / "scifact", "test")
    collection = open_dataset(f"{shared / 'scifact'}/", "test")
    documents, queries = collection.corpus.read(), collection.queries()
    figures = measured(documents, queries, qrels, {"ndcg_cut.10", "recall.100"}, hits=100)
    assert figures["ndcg_cut_10"] == pytest.approx(0.6789, abs=0.0005)
    assert figures["recall_100"] == pytest.approx(0.9253, abs=0.0005)


def cacm_documents(archive: Path) -> Iterator[Document]:
    with tarfile.open(archive) as pages:
        for member in pages:
            page = pages.extractfile(member)
            if page:
                text = re.sub("<[^>]+>", "", page.read().decode("latin-1"))
                yield Document(Path(member.name).stem, text)


def cacm_queries(topics: Path) -> Iterator[Query]:
    for qid, text in re.findall(r"<DOCNO>\s*(\d+)\s*</DOCNO>(.*?)</DOC>", topics.read_text(), re.DOTALL):
        yield Query(qid, text)


def test_cacm(shared: Path) -> None:
    with open_source(str(shared / "cacm" / "qrels.cacm.txt")) as source:
        qrels = trec.read_qrels(source)
    queries = (query for query in cacm_queries(shared / "cacm" / "topics.cacm.txt") if query.qid in qrels)
    documents = cacm_documents(shared / "cacm" / "cacm.tar.gz")
    assert measured(documents, queries, qrels, {"map"}, hits=1000)["map"] == pytest.approx(0.3114, abs=0.0005)
