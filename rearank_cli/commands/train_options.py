"""The options of `rearank train`, each with its unit and help; they override the recipe's key of that name."""

from typing import Annotated

import typer

from rearank_cli.training.recipe import Loss, Method
from rearank_cli.training.rewards import FormatCheck, RewardForm

Lists = Annotated[
    str, typer.Argument(metavar="LISTS", help="What rearank augment writes (.gz too); - reads stdin.")
]
Model = Annotated[str, typer.Option(metavar="MODEL", help="Start from: a folder, a hub id, or demo.")]
Folder = Annotated[str, typer.Option("--output", "-o", metavar="FOLDER", help="Where the model goes.")]
RecipeFile = Annotated[
    str, typer.Option("--recipe", metavar="FILE", help="TOML; without one, the paper's values.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override any key of the recipe; may be repeated."),
]
MethodName = Annotated[Method | None, typer.Option(help="GRPO, or imitation (the cold start).")]
Steps = Annotated[int | None, typer.Option(min=1, help="As the paper counts: one sampling each.")]
LearningRate = Annotated[float | None, typer.Option(min=0, help="Of the weights; a LoRA wants about 1e-5.")]
LossName = Annotated[Loss | None, typer.Option(help="How token losses are added up, by TRL's names.")]
Reward = Annotated[RewardForm | None, typer.Option(help="What the ranking earns.")]
Weights = Annotated[
    str | None, typer.Option(metavar="A,B,C", help="Of ranking, tags and answer format in the reward.")
]
ClipReward = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="The least the ranking earns; none: no limit (paper).")
]
Check = Annotated[
    FormatCheck | None,
    typer.Option("--format-check", help="strict: a whole permutation; paper: any bracketed number will do."),
]
LoraRank = Annotated[int | None, typer.Option(min=0, help="Train a LoRA of this rank; 0: all weights.")]
Seed = Annotated[int | None, typer.Option(help="Of sampling, order and held-out queries.")]
EvalLists = Annotated[
    str, typer.Option(metavar="FILE", help="Held-out lists, instead of a share of the queries.")
]
FromTrace = Annotated[
    str, typer.Option(metavar="FILE", help="SFT on the best answers of this trace, by reward.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the newest whole checkpoint.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only check, count and estimate; print as JSON.")]
