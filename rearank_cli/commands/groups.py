"""Help pages whose options stand in groups, what most people need first.

The table is the one place that says which option belongs where; a test holds it against the commands.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from typer.core import TyperCommand

Groups = Mapping[str, Sequence[str]]

GROUPS: Mapping[str, Groups] = {
    "retrieve": {
        "Most used": ("dataset", "corpus", "topics", "hits", "output", "format", "list"),
        "Queries and texts": ("split", "all_queries", "run", "skip_missing"),
        "First stage": ("backend", "index", "k1", "b"),
        "Downloads": ("yes", "offline"),
        "Output": ("tag",),
    },
    "augment": {
        "Most used": ("qrels", "dataset", "size", "sets", "output"),
        "Sampling": ("depth", "filter", "min_ndcg", "shuffle", "seed"),
        "Guard against test queries": ("exclude", "allow_test_queries"),
    },
    "train": {
        "Most used": ("model", "recipe", "output", "method", "steps", "dry_run", "resume"),
        "Recipe": ("set", "learning_rate", "lora_rank", "loss", "seed"),
        "Reward": ("reward", "weights", "clip_reward", "format_check"),
        "Data": ("eval_lists", "from_trace", "prompt"),
        "Output": ("quiet", "log_format"),
    },
    "rerank": {
        "Most used": (
            "model", "base_url", "dataset", "prompt", "window", "depth", "trace", "max_time", "dry_run", "output",
        ),
        "Input": ("corpus", "topics", "skip_missing", "limit", "qids", "lookahead"),
        "Model and engine": (
            "engine", "replay", "adapter", "batch", "tensor_parallel", "max_model_len", "gpu_memory_utilization",
            "eager", "trust_remote_code", "deterministic",
        ),
        "Servers": ("api_key_env", "concurrency", "request_timeout", "retries", "wait"),
        "Windows": ("step", "passes"),
        "Decoding": (
            "max_tokens", "temperature", "top_p", "seed", "think", "constrain", "force_answer", "repair_retries",
        ),
        "Reliability": (
            "max_malformed", "max_repaired", "fail_above", "retry_refused", "grace", "partial",
        ),
        "Cost": ("tokenizer", "price_in", "price_out"),
        "Output": ("format", "tag", "quiet", "log_format"),
    },
    "evaluate": {
        "Most used": ("metric", "baseline", "dataset", "qrels", "format", "per_query"),
        "Measures": ("min_grade", "only_retrieved", "test"),
        "Other views": ("trace", "show", "plot"),
        "Fusion": ("fuse",),
    },
    "doctor": {},
}  # fmt: skip
"""Command -> group -> options by their long names, `-` as `_`; what is left over stands last."""

OTHERS = "Options"


class GroupedCommand(TyperCommand):
    """A command whose help shows its options by the groups of `GROUPS`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Typer's own signature
        """Write the arguments, then each group with its options."""
        records = {
            (str(param.param_type_name), long_name(param.opts)): record
            for param in self.get_params(ctx)
            if (record := param.get_help_record(ctx)) is not None
        }
        options = [name for kind, name in records if kind == "option"]
        shown = [("Arguments", [record for (kind, _), record in records.items() if kind == "argument"])]
        shown += [
            (group, [records["option", name] for name in names])
            for group, names in grouped(str(self.name), options)
        ]
        for heading, lines in shown:
            if lines:
                with formatter.section(heading):
                    formatter.write_dl(lines)


def long_name(spellings: Sequence[str]) -> str:
    """Return an option's long name as `GROUPS` has it.

    >>> long_name(["--output", "-o"]), long_name(["--max-time"])
    ('output', 'max_time')
    """
    return max(spellings, key=len).removeprefix("--").replace("-", "_")


def grouped(command: str, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each group of a command with its options; those of no group come last.

    >>> list(grouped("evaluate", ["fuse", "help"]))[-2:]
    [('Fusion', ['fuse']), ('Options', ['help'])]
    """
    groups = GROUPS.get(command, {})
    known = [name for group in groups.values() for name in group]
    for group, members in groups.items():
        yield group, [name for name in members if name in names]
    yield OTHERS, [name for name in names if name not in known]
