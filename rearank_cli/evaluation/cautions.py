"""What a reader of the figures should know about a run."""

from collections.abc import Iterator, Mapping, Sequence

from rearank_cli.evaluation.answers import doubt
from rearank_cli.evaluation.measures import Evaluation
from rearank_cli.evaluation.runs import Run
from rearank_cli.records import Qrels

NAMED = 10  # queries that are named one by one
JUDGED = 0.95  # share of judged documents in the top below which it is said
TOP = 10


def cautions(run: Run, qrels: Qrels, evaluation: Evaluation, depth: int) -> Iterator[str]:
    """Yield sentences on missing queries, order, ties, unjudged documents, short lists and the model's answers.

    `depth` is the largest cutoff of the measures, 0 where none has one.
    """
    answered = [qid for qid in evaluation.queries if qid in run.scores]
    yield from _missing(evaluation)
    yield from _disordered(run, answered)
    lists = run.scores
    tied = [qid for qid in answered if lists.tied(qid, max(depth, TOP))]
    if tied:
        yield (
            f"{run.name}: {_share(tied, answered)} tied scores in the top {max(depth, TOP)}; as in trec_eval, "
            f"the greater docid goes first"
        )
    judged = sum(_judged(lists.top(qid, TOP), qrels[qid]) for qid in answered) / len(answered)
    if judged < JUDGED:
        yield f"{run.name}: Judged@{TOP} is {judged:.4f}; a document without judgement counts as not relevant"
    short = [qid for qid in answered if lists.size(qid) < depth]
    if short:
        yield f"{run.name}: {_share(short, answered)} fewer than {depth} documents, the depth of the measures"
    doubted = doubt(run.name)
    if doubted:
        yield doubted


def _missing(evaluation: Evaluation) -> Iterator[str]:
    missing = evaluation.missing
    if missing:
        judged = {*missing, *evaluation.queries}
        count = "count 0" if len(judged) == len(evaluation.queries) else "are left out of the averages"
        yield (
            f"{evaluation.name}: {len(missing)} of {len(judged)} judged queries are missing and {count}: "
            f"{_named(missing)}"
        )


def _disordered(run: Run, answered: list[str]) -> Iterator[str]:
    found = sorted(set(run.disordered) & set(answered))
    if found:
        yield (
            f"{run.name}: ranks and scores disagree for {len(found)} of {len(answered)} queries "
            f"({_named(found)}); {run.rule}"
        )


def _judged(docids: Sequence[str], grades: Mapping[str, int]) -> float:
    return sum(docid in grades for docid in docids) / len(docids)


def _share(some: list[str], answered: list[str]) -> str:
    return f"{len(some)} of {len(answered)} queries {'has' if len(some) == 1 else 'have'}"


def _named(queries: list[str] | tuple[str, ...]) -> str:
    return ", ".join(queries[:NAMED]) + (", ..." if len(queries) > NAMED else "")
