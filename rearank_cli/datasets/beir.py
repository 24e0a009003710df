"""A folder in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv; each may end in .gz."""

from pathlib import Path

from rearank_cli.datasets.documents import read_queries
from rearank_cli.errors import DataError, MissingInput
from rearank_cli.formats import trec
from rearank_cli.formats.streams import open_source
from rearank_cli.records import Qrels, Query


def corpus_file(folder: Path) -> str:
    """Return the path of the documents. Raises MissingInput without such a file."""
    return _file(folder, "corpus.jsonl")


def queries(folder: Path, split: str) -> list[Query]:
    """Return the queries that the split judges, or with "" all, in the order of the queries' file.

    Raises:
        MissingInput: no queries or no judgements of this split.
        DataError: a file is malformed, or a judged query is not among the queries.
    """
    judged = read_qrels(folder, split) if split else {}
    place = _file(folder, "queries.jsonl")
    with open_source(place) as source:
        found = [query for query in read_queries(source) if not split or query.qid in judged]
    missing = judged.keys() - {query.qid for query in found}
    if missing:
        raise DataError(
            f"{place}: expected the queries that qrels/{split}.tsv judges, "
            f"found {len(missing)} missing, e.g. {min(missing)!r}"
        )
    return found


def read_qrels(folder: Path, split: str) -> Qrels:
    """Return the judgements of a split. Raises MissingInput without that file, DataError if malformed."""
    with open_source(_file(folder, f"qrels/{split}.tsv")) as source:
        return trec.read_qrels(source)


def _file(folder: Path, name: str) -> str:
    for place in (folder / name, folder / f"{name}.gz"):
        if place.is_file():
            return str(place)
    raise MissingInput(
        f"{folder / name}: expected a file of a BEIR folder, found none{_splits(folder, name)}"
    )


def _splits(folder: Path, name: str) -> str:
    names = sorted(place.name.split(".")[0] for place in (folder / "qrels").glob("*.tsv*"))
    return f"; the splits there are {', '.join(names)}" if names and name.startswith("qrels/") else ""
