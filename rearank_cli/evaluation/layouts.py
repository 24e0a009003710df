"""Rows of cells as text: aligned, Markdown, LaTeX, tab-separated."""

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]
"""The first row is the heading."""

_LATEX = {"\\": r"\textbackslash{}", "†": r"$^\dagger$", "<": "$<$"} | {
    sign: f"\\{sign}" for sign in "&%$#_{}"
}
_LATEX_NUMBER = {**_LATEX, "-": "$-$"}


def aligned(rows: Rows, texts: int) -> str:
    """Return columns two blanks apart: the first `texts` to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if place < texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "".join(line.rstrip() + "\n" for line in lines)


def tsv(rows: Rows) -> str:
    """Return the cells of a line between tabs."""
    return "".join("\t".join(row) + "\n" for row in rows)


def markdown(rows: Rows, texts: int) -> str:
    """Return a table of GitHub's Markdown.

    >>> print(markdown([["run", "AP"], ["a|b", "0.5"]], texts=1), end="")
    | run | AP |
    | --- | --: |
    | a\\|b | 0.5 |
    """
    rule = ["---" if place < texts else "--:" for place in range(len(rows[0]))]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in [cells[0], rule, *cells[1:]])


def latex(rows: Rows, texts: int) -> str:
    r"""Return a tabular in booktabs' style.

    >>> print(latex([["run", "AP"], ["a_b", "0.5†"], ["a-b", "-0.5"]], texts=1), end="")
    \begin{tabular}{lr}
    \toprule
    run & AP \\
    \midrule
    a\_b & 0.5$^\dagger$ \\
    a-b & $-$0.5 \\
    \bottomrule
    \end{tabular}
    """
    kinds = "l" * texts + "r" * (len(rows[0]) - texts)
    signs = [_LATEX if place < texts else _LATEX_NUMBER for place in range(len(rows[0]))]
    head, *body = (
        " & ".join("".join(of.get(sign, sign) for sign in cell) for of, cell in zip(signs, row, strict=True))
        for row in rows
    )
    lines = [f"\\begin{{tabular}}{{{kinds}}}", "\\toprule", f"{head} \\\\", "\\midrule"]
    lines += [f"{line} \\\\" for line in body]
    return "".join(f"{line}\n" for line in [*lines, "\\bottomrule", "\\end{tabular}"])
