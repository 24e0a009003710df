"""Which queries are reranked, and under which tag the run is known."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from rearank_cli.errors import DataError
from rearank_cli.formats.streams import STDIN
from rearank_cli.formats.trec import clean_tag
from rearank_cli.records import Candidates


def chosen(stream: Iterable[Candidates], *, limit: int | None, qids: frozenset[str]) -> Iterator[Candidates]:
    """Yield the first `limit` queries among `qids` (all where it is empty), each checked to have texts.

    Raises:
        DataError: a hit has no text, as in a bare run, or no query was chosen.
    """
    left = limit if limit is not None else -1
    found = False
    for candidates in stream:
        if qids and candidates.query.qid not in qids:
            continue
        if any(hit.text is None for hit in candidates.hits):
            raise DataError(
                f"query {candidates.query.qid!r}: expected candidates with texts, found a bare run; "
                "say where its texts are: --dataset NAME, or --corpus FILE and --topics FILE"
            )
        found = True
        yield candidates
        left -= 1
        if left == 0:
            return
    if not found:
        raise DataError("no query was left to rerank; check --qids and the input")


def begun(stream: Iterator[Candidates]) -> Iterator[Candidates]:
    """Return the same queries, of which the first is read now: raises at once what reading it raises."""
    first = list(islice(stream, 1))
    return chain(first, stream)


def run_tag(tag: str, source: str, model: str) -> str:
    """Return the tag `<dataset>:<retriever>:<model>` of a reranked run.

    >>> run_tag("dl19:bm25", "-", "le723z/Rearank-7B")
    'dl19:bm25:le723z/Rearank-7B'
    >>> run_tag("anserini", "runs/a.json", "m"), run_tag("", "runs/a.json", "m"), run_tag("d:r:m", "-", "n")
    ('-:anserini:m', '-:a:m', 'd:r:m+n')
    """
    stem = "stdin" if source in ("-", STDIN) else Path(source).name.partition(".")[0]
    dataset, retriever, before = (*(tag or stem).split(":", 2), "", "")[:3]
    if not retriever:
        dataset, retriever = "-", dataset
    return clean_tag(f"{dataset}:{retriever}:{before + '+' if before else ''}{model}")
