"""`rearank augment`: candidates and judgements in, training lists out."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated

import typer

from rearank_cli.commands.named_files import of_dataset
from rearank_cli.commands.options import Input, Judged, Output, QrelsFile
from rearank_cli.console import note
from rearank_cli.datasets.judgements import judgements
from rearank_cli.errors import DataError, MissingInput, UsageError
from rearank_cli.formats.jsonl import read_candidates
from rearank_cli.formats.lists import write_list
from rearank_cli.formats.outputs import check_output
from rearank_cli.formats.overlaps import check_overlaps
from rearank_cli.formats.streams import Source, open_sink, open_source
from rearank_cli.formats.trec import dataset_of, read_qrels
from rearank_cli.ranking.choosing import chosen
from rearank_cli.records import Candidates
from rearank_cli.training.augment import Filter, Recipe, Tally, augmented
from rearank_cli.training.heldout import trec_dl_year

Grades = Callable[[Candidates], Mapping[str, int]]


def augment(
    file: Input = "-",
    *,
    qrels: QrelsFile = "",
    dataset: Judged = "",
    size: Annotated[int, typer.Option(min=2, help="Passages a list.")] = 20,
    sets: Annotated[int, typer.Option(min=1, help="Draws a query.")] = 50,
    depth: Annotated[int, typer.Option(min=2, help="Draw from the top N of each ranking.")] = 100,
    filter_: Annotated[
        Filter,
        typer.Option("--filter", help="Whose nDCG@10 --min-ndcg looks at: the best order's, or the set's."),
    ] = Filter.IDEAL,
    min_ndcg: Annotated[float, typer.Option(min=0, max=1, help="Drop sets below it; 0 keeps all.")] = 0.1,
    shuffle: Annotated[
        bool, typer.Option("--shuffle/--keep-order", help="Present a set in any order, or in the ranking's.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Of the draws; each query has its own share of it.")] = 0,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude", metavar="QRELS", help="Leave out the queries judged here; may be repeated."
        ),
    ] = None,
    allow_test_queries: Annotated[
        bool,
        typer.Option("--allow-test-queries", help="Draw from queries of TREC DL 2019 and 2020 too."),
    ] = False,
    output: Output = "-",
) -> None:
    """Draw training lists from rankings with texts.

    A list is a small set of a query's candidates with their grades; each query gives many.

    \b
    Example: rearank retrieve --dataset demo --split train | rearank augment --size 6 > lists.jsonl
    """
    recipe = Recipe(size, sets, depth, filter_, min_ndcg, shuffle, seed)
    if size > depth:
        raise UsageError(f"--size {size}: expected at most --depth {depth}, from which the sets are drawn")
    if qrels and dataset:
        raise UsageError("--qrels and --dataset both name judgements; give one of them")
    others = [("--exclude", path) for path in exclude or ()]
    read = [("the input", file), ("--qrels", qrels), *others, *of_dataset(dataset)]
    check_overlaps(read=read, written=[("-o", output)])
    check_output(output)
    left_out = frozenset(qid for path in exclude or () for qid in _read_qrels(path))
    tally = Tally()
    with open_source(file) as source, open_sink(output) as sink:
        rankings = _checked(source, allow_test_queries=allow_test_queries)
        grades = _grades(qrels, dataset, source.name)
        for candidates in rankings:
            if candidates.query.qid in left_out:
                tally.excluded += 1
                continue
            for graded in augmented(candidates, grades(candidates), recipe, tally):
                write_list(sink, graded)
        note(tally.line())
        if not tally.kept:
            raise DataError(f"{source.name}: no list was left to train on; {_advice(tally)}")


def _checked(source: Source, *, allow_test_queries: bool) -> list[Candidates]:
    """Return the rankings by qid, so that the output does not depend on the order of the input."""
    rankings = sorted(
        chosen(read_candidates(source), limit=None, qids=frozenset()), key=lambda row: row.query.qid
    )
    for candidates in rankings if not allow_test_queries else ():
        year = trec_dl_year(candidates.query)
        if year is not None:
            raise DataError(
                f"{source.name}: query {candidates.query.qid!r} is a test query of TREC DL {year}: a model "
                "trained on it could not be tested there; take other queries, or say --allow-test-queries"
            )
    return rankings


def _grades(qrels: str, dataset: str, name: str) -> Grades:
    """Return where to look up the judgements of a query: one file, one dataset, or that of its own tag."""
    by_name = cache(judgements)
    if qrels:
        judged = _read_qrels(qrels)
        return lambda candidates: judged.get(candidates.query.qid, {})

    def named(candidates: Candidates) -> Mapping[str, int]:
        found = dataset or dataset_of(candidates.tag)
        if not found:
            raise MissingInput(
                f"{name}: the tag {candidates.tag!r} of query {candidates.query.qid!r} names no dataset, so that "
                "its judgements are unknown; give them with --qrels FILE or --dataset NAME"
            )
        return by_name(found).get(candidates.query.qid, {})

    return named


def _read_qrels(path: str) -> dict[str, dict[str, int]]:
    with open_source(path) as source:
        return read_qrels(source)


def _advice(tally: Tally) -> str:
    if tally.excluded and not tally.queries:
        return "--exclude left out every query"
    if tally.unjudged == tally.queries:
        return "none of its queries is judged there; are these the judgements of another dataset or split?"
    return "see the counts above, and --min-ndcg, --filter, --size"
