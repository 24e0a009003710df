"""Curves like the paper's figure 4, and a table of the same for the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rearank_cli.training.folder import Row

PANELS = (
    ("reward", ("reward", "rank", "tags", "answer")),
    ("answer length in tokens", ("length",)),
    ("nDCG@10 of held-out lists", ("nDCG@10",)),
    ("loss", ("loss",)),
    ("entropy", ("entropy",)),
)
TABLE = ("step", "reward", "rank", "tags", "answer", "loss", "entropy", "length", "nDCG@10", "format")


def series(rows: Sequence[Row], key: str) -> list[tuple[float, float]]:
    """Return (step, value) of the rows that have a value for the key.

    >>> series([{"step": 1, "reward": 0.5}, {"step": 2, "reward": None}], "reward")
    [(1.0, 0.5)]
    """
    points = []
    for row in rows:
        step, value = row.get("step"), row.get(key)
        if isinstance(step, int | float) and isinstance(value, int | float):
            points.append((float(step), float(value)))
    return points


def draw(rows: Sequence[Row], place: Path) -> None:
    """Draw the panels that have data into a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [(title, keys) for title, keys in PANELS if any(series(rows, key) for key in keys)]
    figure = Figure(figsize=(4.0 * max(1, len(shown)), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for number, (title, keys) in enumerate(shown, 1):
        axes = figure.add_subplot(1, len(shown), number)
        for key in keys:
            points = series(rows, key)
            axes.plot([step for step, _ in points], [value for _, value in points], label=key, marker=".")
        axes.set(title=title, xlabel="step")
        if len(keys) > 1:
            axes.legend()
    figure.savefig(place, dpi=100)


def table(rows: Sequence[Row], most: int = 12) -> str:
    """Return a table of at most `most` of the steps that were measured, the last one among them."""
    by_step: dict[float, Row] = {}
    for row in rows:
        step = row.get("step")
        if isinstance(step, int | float):
            by_step[float(step)] = {**by_step.get(float(step), {}), **row}
    measured = [row for _, row in sorted(by_step.items()) if "nDCG@10" in row] or list(by_step.values())
    chosen = measured[:: -(-len(measured) // most) or 1] if measured else []
    if measured and chosen[-1] is not measured[-1]:
        chosen.append(measured[-1])
    columns = [name for name in TABLE if any(row.get(name) is not None for row in chosen)]
    lines = [columns, *([_cell(row.get(name)) for name in columns] for row in chosen)]
    return "\n".join("  ".join(cell.rjust(8) for cell in line) for line in lines)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
