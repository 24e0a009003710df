"""One query to look at: its list before and after, and what the model wrote about its windows."""

import re
from collections.abc import Mapping, Sequence
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from rearank_cli.console import visible
from rearank_cli.errors import UsageError
from rearank_cli.evaluation.runs import Run
from rearank_cli.evaluation.windows import Window
from rearank_cli.reasoning import MARKS
from rearank_cli.records import Hit

WIDTH = 110  # columns of a table as plain text; a terminal has its own
STYLES = {"up": "green", "new": "green", "down": "red", "gone": "red"}
THOUGHT = "(?is)" + "|".join(
    f"{re.escape(opening)}.*?(?:{re.escape(closing)}|$)" for opening, closing in MARKS
)

Texts = Mapping[str, str]
Grades = Mapping[str, int]


def show(
    qid: str, before: Run | None, after: Run, grades: Grades, windows: Sequence[Window]
) -> RenderableType:
    """Return a query's text, its lists, and its windows with what was written.

    Passages are shown where one of the runs came with texts.

    Raises:
        UsageError: the run does not answer the query.
    """
    if qid not in after.scores:
        near = ", ".join(list(after.scores)[:5])
        raise UsageError(f"--show {qid}: {after.name} has no such query; it has {near} ...")
    kept = [run.kept for run in (before, after) if run and run.kept]
    texts = {hit.docid: passage(hit) for candidates in kept for hit in candidates.hits}
    question = f": {kept[0].query.text}" if kept else ""
    parts: list[RenderableType] = [_heading(f"query {qid}{question}")]
    new = list(after.scores[qid])
    if before:
        old = list(before.scores.get(qid, ()))
        parts += [_heading(f"before: {before.name}", above="\n"), _listed(old, grades, texts)]
        parts += [_heading(f"after: {after.name}", above="\n"), _compared(old, new, grades, texts)]
    else:
        parts += [_heading(after.name, above="\n"), _listed(new, grades, texts)]
    for number, window in enumerate(windows, 1):
        parts += _window(number, window, texts)
    return Group(*parts)


def plain(shown: RenderableType) -> str:
    """Return what is shown as text without colours; passages are cut, what the model wrote is not."""
    lines = StringIO()
    Console(file=lines, width=WIDTH, color_system=None).print(shown, soft_wrap=True)
    return "".join(line.rstrip() + "\n" for line in lines.getvalue().splitlines())


def passage(hit: Hit) -> str:
    """Return title and text on one line.

    >>> passage(Hit("d", 1.0, "Wings\\n beat.", "Birds"))
    'Birds: Wings beat.'
    """
    return visible(" ".join((f"{hit.title}: {hit.text}" if hit.title else hit.text or "").split()))


def _heading(text: str, above: str = "") -> Text:
    return Text(above + visible(text), "bold")


def _listed(docids: Sequence[str], grades: Grades, texts: Texts) -> Table:
    rows = [[str(rank), _grade(docid, grades), docid] for rank, docid in enumerate(docids, 1)]
    return _table(["rank", "grade"], rows, texts)


def _compared(old: Sequence[str], new: Sequence[str], grades: Grades, texts: Texts) -> Table:
    """The list after, with each document's rank before; then what is there no more."""
    was = {docid: rank for rank, docid in enumerate(old, 1)}
    rows = []
    for rank, docid in enumerate(new, 1):
        move = _move(was[docid] - rank) if docid in was else "new"
        rows.append([str(rank), str(was.get(docid, "-")), move, _grade(docid, grades), docid])
    there = set(new)
    for docid in (docid for docid in old if docid not in there):
        rows.append(["-", str(was[docid]), "gone", _grade(docid, grades), docid])
    return _table(["rank", "before", "move", "grade"], rows, texts)


def _grade(docid: str, grades: Grades) -> str:
    return str(grades.get(docid, "-"))


def _move(places: int) -> str:
    """Say how far a document went.

    >>> _move(3), _move(-2), _move(0)
    ('up 3', 'down 2', '')
    """
    return f"{'up' if places > 0 else 'down'} {abs(places)}" if places else ""


def _table(numbers: Sequence[str], rows: Sequence[Sequence[str]], texts: Texts) -> Table:
    """Return rows of numbers and a docid as a table, with the beginnings of the passages where there are texts."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=bool(texts))
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("docid", no_wrap=True)
    if texts:
        table.add_column("passage", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows:
        cells = [Text(cell, STYLES.get(cell.split(" ")[0], "")) for cell in row[:-1]]
        table.add_row(*cells, Text(visible(row[-1])), *([Text(texts.get(row[-1], ""))] if texts else []))
    return table


def _window(number: int, window: Window, texts: Texts) -> list[RenderableType]:
    outcome = f", {window.outcome}" if window.outcome else ""
    presented = _table([""], [[f"[{place}]", docid] for place, docid in enumerate(window.docids, 1)], texts)
    order = " > ".join(f"[{place}]" for place in window.order)
    read = [Text(f"read as {order}")] if order else []
    written = Text(visible(window.completion.replace("\t", " "), keep="\n"))
    written.highlight_regex(THOUGHT, "dim")
    parts: list[RenderableType] = [_heading(f"window {number}{outcome}", above="\n"), presented]
    return [*parts, *read, Text(), written]
