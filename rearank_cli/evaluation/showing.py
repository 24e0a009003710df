"""One query to look at: the list before and after, and what the model wrote about its windows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rearank_cli.errors import UsageError
from rearank_cli.evaluation.layouts import aligned
from rearank_cli.evaluation.runs import Run
from rearank_cli.formats.jsonl import read_objects
from rearank_cli.formats.streams import Source

RULE = "-" * 72


def show(qid: str, before: Run | None, after: Run, grades: Mapping[str, int], windows: Iterable[str]) -> str:
    """Return the ranking of a query as text: rank, rank before, move, grade, docid; then the windows.

    Raises:
        UsageError: the run does not answer the query.
    """
    if qid not in after.scores:
        near = ", ".join(list(after.scores)[:5])
        raise UsageError(f"--show {qid}: {after.name} has no such query; it has {near} ...")
    old = {docid: rank for rank, docid in enumerate(before.scores.get(qid, {}), 1)} if before else {}
    rows = [["docid", "rank", *(["before", "move"] if before else []), "grade"]]
    for rank, docid in enumerate(after.scores[qid], 1):
        moved = (
            [str(old.get(docid, "-")), _move(old[docid] - rank) if docid in old else "new"] if before else []
        )
        rows.append([docid, str(rank), *moved, str(grades.get(docid, "-"))])
    heading = f"query {qid}: {after.name}" + (f", before: {before.name}" if before else "")
    return "\n".join([heading, "", aligned(rows, texts=1), *windows])


def _move(places: int) -> str:
    """Say how far a document went.

    >>> _move(3), _move(-2), _move(0)
    ('up 3', 'down 2', '')
    """
    return f"{'up' if places > 0 else 'down'} {abs(places)}" if places else ""


def windows_of(source: Source, qid: str) -> Iterator[str]:
    """Yield the windows of a query that a trace recorded, in order: what was presented, what was written."""
    number = 0
    for _, row in read_objects(source):
        if str(row.get("qid")) == qid and "completion" in row:
            number += 1
            outcome = f", {row['outcome']}" if "outcome" in row else ""
            yield f"{RULE}\nwindow {number}{outcome}\n{_presented(row.get('docids', []))}\n\n{row['completion']}\n"


def _presented(docids: Sequence[object]) -> str:
    return " ".join(f"[{place}] {docid}" for place, docid in enumerate(docids, 1))
