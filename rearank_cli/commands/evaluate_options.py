"""The options of `rearank evaluate`."""

from typing import Annotated

import typer

from rearank_cli.evaluation.choices import Fusion

Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE", help="TREC runs or candidates (.gz too); nothing or - reads stdin."),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        "-m",
        metavar="MEASURE",
        help="May be repeated; as trec_eval, ir_measures or ranx spell it (ndcg_cut.10, nDCG@10, ndcg@10); "
        "nDCG@10 by default.",
    ),
]
MinGrade = Annotated[
    int, typer.Option(help="Lowest relevant grade where a measure knows only relevant or not.")
]
OnlyRetrieved = Annotated[
    bool, typer.Option("--only-retrieved", help="Average over the queries of the run alone, as trec_eval.")
]
PerQuery = Annotated[bool, typer.Option("--per-query", "-q", help="Show each query's figures too.")]
Baseline = Annotated[
    str,
    typer.Option("--baseline", metavar="FILE", help="Compare the other runs with this one, query by query."),
]
Traces = Annotated[
    list[str] | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        help="Show what the last run cost, from its trace; repeated: of the last runs, in their order.",
    ),
]
Fuse = Annotated[
    Fusion | None,
    typer.Option(help="Write the runs fused into one (TREC) instead of figures; all but rrf need ranx."),
]
Plot = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help="Draw differences by query, nDCG by depth, tokens against quality (png, svg, pdf).",
    ),
]
Show = Annotated[
    str,
    typer.Option(
        metavar="QID",
        help="Page through one query instead: its list in the first run and in the last, with passages where "
        "one of them is candidates, and the windows of --trace.",
    ),
]
