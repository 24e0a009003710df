"""Judgements by name: what `evaluate` looks for when nobody names a file."""

from rearank_cli.datasets import beir, catalogue
from rearank_cli.datasets.names import BeirFolder, Catalogued, Registered, resolve
from rearank_cli.datasets.registry import LeaveOut, entries
from rearank_cli.errors import MissingInput
from rearank_cli.formats import trec
from rearank_cli.formats.streams import open_source
from rearank_cli.records import Qrels

EXCLUDED = -100
"""BRIGHT's grade for a document that a query must not retrieve: no judgement of relevance."""


def judgements(name: str, split: str = "test") -> Qrels:
    """Return the judgements of a dataset: a registry name, `demo`, an ir_datasets id, or a BEIR folder.

    `NAME/SPLIT` (`demo/train`) names a split as well. Documents that BRIGHT excludes are left out.

    Raises:
        MissingInput: no such dataset or split, or its judgements are neither on disk nor to be downloaded;
            the message names the place where a file would be found.
        DataError: the file there is malformed.
    """
    return _without_excluded(_every_grade(name, split))


def excluded(name: str, split: str = "test") -> dict[str, frozenset[str]]:
    """Return the documents (docids, by qid) that a query of this dataset must not retrieve.

    Empty for all but BRIGHT. Raises as `judgements`.
    """
    dataset = resolve(name, split)
    if not isinstance(dataset, Registered) or dataset.entry.leave_out is not LeaveOut.EXCLUDED:
        return {}
    return {
        qid: frozenset(docid for docid, grade in grades.items() if grade == EXCLUDED)
        for qid, grades in _every_grade(name, split).items()
    }


def _every_grade(name: str, split: str) -> Qrels:
    dataset = resolve(name, split)
    match dataset:
        case BeirFolder():
            return beir.read_qrels(dataset.path, dataset.split)
        case Catalogued():
            return _catalogued(dataset.id)
        case Registered():
            return _registered(dataset)


def _registered(dataset: Registered) -> Qrels:
    entry, split = dataset.entry, dataset.split
    if not entry.ir_datasets:
        raise MissingInput(
            f"dataset {entry.name!r}: its judgements are not in ir_datasets, since its owner gives the "
            f"collection to applicants only; name a file with --qrels"
        )
    place = catalogue.home() / entry.qrels_of(split)
    if place.is_file() and place.suffix != ".parquet":
        with open_source(str(place)) as source:
            return trec.read_qrels(source)
    try:
        return catalogue.qrels(entry.id_of(split))
    except MissingInput as error:
        raise MissingInput(f"{error}; put the judgements of {dataset.tag!r} at {place}") from error


def _catalogued(dataset: str) -> Qrels:
    """An id may be one of the registry's, with `/judged` or without: then the place of its file is known."""
    for entry in entries().values():
        if dataset in (entry.ir_datasets, entry.ir_datasets.removesuffix("/judged")):
            return _registered(Registered(entry, "test"))
    try:
        return catalogue.qrels(dataset)
    except MissingInput as error:
        raise MissingInput(f"{error}; name a file of judgements with --qrels") from error


def _without_excluded(qrels: Qrels) -> Qrels:
    return {
        qid: {docid: grade for docid, grade in grades.items() if grade != EXCLUDED}
        for qid, grades in qrels.items()
    }
