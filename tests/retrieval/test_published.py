"""Published figures of BM25 (Anserini, k1 0.9, b 0.4) from the embedded retriever, on real collections."""

import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
import pytrec_eval

from rearank_cli.datasets import beir
from rearank_cli.datasets.collections import file_corpus, nothing
from rearank_cli.datasets.documents import Document
from rearank_cli.datasets.opening import open_dataset
from rearank_cli.formats import trec
from rearank_cli.formats.streams import open_source
from rearank_cli.records import Qrels, Query
from rearank_cli.retrieval import bm25, embedded, lucene
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
    qrels = beir.read_qrels(Path(shared / "scifact"), "test")
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


def overlap(documents: Path, queries: Iterable[Query]) -> tuple[float, float]:
    """Return the mean share of Lucene's first 10 and first 100 that the embedded retriever finds there too."""
    corpus = file_corpus(str(documents))
    ours = embedded.retriever(corpus, str(documents.parent / "ours"), k1=0.9, b=0.4)
    shares: list[tuple[float, float]] = []
    with lucene.local(corpus, str(documents.parent / "theirs"), k1=0.9, b=0.4) as theirs:
        for query in queries:
            mine, other = ours.search(query.text, 100), theirs.search(query.text, 100)
            same = [
                len({hit.docid for hit in mine[:n]} & {hit.docid for hit in other[:n]}) for n in (10, 100)
            ]
            shares.append((same[0] / len(other[:10]), same[1] / len(other)))
    return sum(ten for ten, _ in shares) / len(shares), sum(hundred for _, hundred in shares) / len(shares)


@pytest.mark.slow
@pytest.mark.skipif(bool(lucene.missing()), reason="the extra `pyserini` is not installed")
@pytest.mark.parametrize("name", ["scifact", "cacm"])
def test_the_same_documents_as_lucene(shared: Path, tmp_path: Path, name: str) -> None:
    place = tmp_path / "documents.jsonl"
    if name == "scifact":
        place.write_bytes((shared / "scifact" / "corpus.jsonl").read_bytes())
        queries = beir.queries(Path(shared / "scifact"), "test")
    else:
        with place.open("w") as file:
            for page in cacm_documents(shared / "cacm" / "cacm.tar.gz"):
                file.write(json.dumps({"_id": page.docid, "text": page.text}) + "\n")
        queries = list(cacm_queries(shared / "cacm" / "topics.cacm.txt"))
    ten, hundred = overlap(place, queries)
    assert ten >= 0.999
    assert hundred >= 0.999


def test_cacm(shared: Path) -> None:
    with open_source(str(shared / "cacm" / "qrels.cacm.txt")) as source:
        qrels = trec.read_qrels(source)
    queries = (query for query in cacm_queries(shared / "cacm" / "topics.cacm.txt") if query.qid in qrels)
    documents = cacm_documents(shared / "cacm" / "cacm.tar.gz")
    assert measured(documents, queries, qrels, {"map"}, hits=1000)["map"] == pytest.approx(0.3114, abs=0.0005)
