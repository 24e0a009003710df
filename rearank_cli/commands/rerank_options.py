"""The options of `rearank rerank`, each with its name, unit and help."""

import math
import re
from enum import StrEnum
from typing import Annotated

import typer

from rearank_cli.engines.opening import EngineName
from rearank_cli.errors import UsageError

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Format(StrEnum):
    """What is written."""

    TREC = "trec"
    JSONL = "jsonl"


def duration(text: str) -> float:
    """Return seconds.

    Raises:
        UsageError: not a duration.

    >>> duration("2h"), duration("1h30m"), duration("90")
    (7200.0, 5400.0, 90.0)
    """
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageError(f"expected a duration such as 90s, 15m, 2h or 1h30m, found {text!r}")
    seconds = float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
    if seconds == math.inf:
        raise UsageError("expected a duration that a number can hold, found a longer one")
    return seconds


def percent(text: str) -> float:
    """Return a percentage, 0 to 100, with or without its sign.

    Raises:
        UsageError: not a percentage.

    >>> percent("2%"), percent("0.5")
    (2.0, 0.5)
    """
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise UsageError(f"expected a percentage from 0 to 100, found {text!r}")
    return value


Dataset = Annotated[
    str, typer.Option(metavar="NAME", help="Where a bare run's texts are; see rearank retrieve --list.")
]
Corpus = Annotated[
    str, typer.Option(metavar="FILE", help="Texts of a bare run: documents as JSON lines or TSV.")
]
Topics = Annotated[str, typer.Option(metavar="FILE", help="The queries of a bare run, with --corpus.")]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing", help="Leave out documents of a bare run that have no text there.")
]

Model = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Model folder, hub id, demo, or a server's name for it.")
]
Engine = Annotated[EngineName, typer.Option(help="What answers; auto says on stderr what it took, and why.")]
Replay = Annotated[
    str | None, typer.Option(metavar="FILE", help="Take answers from a recording or an earlier --trace.")
]
BaseUrl = Annotated[
    list[str] | None, typer.Option(metavar="URL", help="OpenAI-compatible server; repeat it for a fleet.")
]
Concurrency = Annotated[
    int | None, typer.Option(min=1, help="Requests in flight at the servers; default: 32.")
]
RequestTimeout = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Time that one request may take; a request that it ends twice has failed; default: 10m.",
    ),
]
Wait = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="How long servers that are down are waited for; default: --max-time, else for the retries alone.",
    ),
]
Retries = Annotated[
    int | None, typer.Option(min=0, help="Times a failed request is tried again; default: 6.")
]
Batch = Annotated[
    int | None, typer.Option(min=1, help="Windows at once; default: what engine and machine suggest.")
]
Adapter = Annotated[str | None, typer.Option(metavar="FOLDER", help="LoRA adapter of the model.")]
TensorParallel = Annotated[int | None, typer.Option(min=1, help="GPUs that share the model (vllm).")]
MaxModelLen = Annotated[
    int | None, typer.Option(min=1, help="Context in tokens (vllm, endpoint); default: the model's.")
]
GpuMemory = Annotated[
    float | None,
    typer.Option("--gpu-memory-utilization", min=0.01, max=1, help="Share of GPU memory to take (vllm)."),
]
Eager = Annotated[bool | None, typer.Option("--eager/--compile", help="Start fast, or run fast (vllm).")]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code that a model folder brings.")
]

Window = Annotated[
    int | None, typer.Option(min=2, help="Passages a prompt shows; default: the model's, or 20.")
]
Step = Annotated[
    int | None,
    typer.Option(help="Passages between two windows (stride); default: the model's, or half a window."),
]
Passes = Annotated[int, typer.Option(min=1, help="Sweeps over each list.")]
Depth = Annotated[int | None, typer.Option(min=1, help="Rerank the top N, keep the rest below.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first N queries.")]
Qids = Annotated[str | None, typer.Option(metavar="ID,ID", help="Only these queries.")]
Lookahead = Annotated[
    int | None, typer.Option(min=1, help="Unfinished queries held; default: twice what the engine takes.")
]

MaxTokens = Annotated[int | None, typer.Option(min=1, help="Longest completion; default: the prompt's.")]
Temperature = Annotated[float, typer.Option(min=0, help="0 is greedy.")]
TopP = Annotated[float, typer.Option(min=0, max=1, help="Nucleus sampling, where the temperature is not 0.")]
Seed = Annotated[int, typer.Option(help="Of sampling.")]
Think = Annotated[
    bool | None,
    typer.Option(
        "--think/--no-think", help="Reason first or not; default: the model's and the prompt's way."
    ),
]
Constrain = Annotated[
    bool, typer.Option("--constrain", help="Hold the model to the answer's format (vllm, endpoint).")
]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="Answers that do not depend on what else is in the batch.")
]
ForceAnswer = Annotated[
    bool,
    typer.Option("--force-answer", help="Ask for the answer at once where the tokens ran out before it."),
]
RepairRetries = Annotated[
    int, typer.Option(min=0, help="Fresh samples for an answer that was truncated, empty or partial.")
]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Load no model; print what would be asked, as JSON.")]
PriceIn = Annotated[
    float | None, typer.Option(min=0, help="Price of a million prompt tokens, for --dry-run.")
]
PriceOut = Annotated[
    float | None, typer.Option(min=0, help="Price of a million output tokens, for --dry-run.")
]
Tokenizer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Tokenizer that counts and cuts for a server (with --max-model-len) or --dry-run.",
    ),
]

Trace = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Journal of every answer: the same command resumes from it."),
]
MaxMalformed = Annotated[
    str, typer.Option(metavar="PERCENT", help="Fail (65) where more answers are truncated or empty.")
]
MaxRepaired = Annotated[
    str | None,
    typer.Option(
        metavar="PERCENT", help="Fail (65) if more answers left passages out, repeated or made up some."
    ),
]
FailAbove = Annotated[
    str,
    typer.Option(
        metavar="PERCENT",
        help="Fail if more requests failed (75) or were refused for good by the server (65).",
    ),
]
RetryRefused = Annotated[
    bool, typer.Option("--retry-refused", help="Ask again what a server refused for good, as the trace says.")
]
MaxTime = Annotated[
    str | None, typer.Option(metavar="TIME", help="Stop after 90s, 15m or 2h (75); the next call goes on.")
]
Grace = Annotated[
    str, typer.Option(metavar="TIME", help="How long what is in flight may finish after a stop.")
]
Partial = Annotated[
    bool, typer.Option("--partial", help="Write the run even where it was stopped before its end.")
]
Written = Annotated[Format, typer.Option("--format", help="TREC run, or candidates with texts.")]
Tag = Annotated[str | None, typer.Option(help="Run tag instead of <dataset>:<retriever>:<model>.")]
