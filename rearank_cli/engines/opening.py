"""Which engine answers, and how it is opened."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rearank_cli.engines.protocol import Engine, Sampling
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.errors import UsageError


class EngineName(StrEnum):
    """What answers the prompts."""

    TRANSFORMERS = "transformers"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine; the tokenizer of its prompts, None where it takes chat turns; its context in tokens."""

    name: EngineName
    engine: Engine
    tokenizer: ChatTokenizer | None = None
    context: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What the command line says about the engine."""

    name: EngineName | None = None
    replay: str | None = None
    batch: int | None = None
    trust_remote_code: bool = False


def open_engine(model: str | None, sampling: Sampling, options: EngineOptions) -> Opened:
    """Open the engine that the options name, or that they imply.

    Raises:
        UsageError: no model, or a recording without --replay.
        RearankError: what the engine needs is not there.
    """
    name = options.name or (EngineName.REPLAY if options.replay else EngineName.TRANSFORMERS)
    if name is EngineName.REPLAY:
        if options.replay is None:
            raise UsageError("--engine replay needs a recording: --replay FILE")
        from rearank_cli.engines.replay import ReplayEngine

        return Opened(name, ReplayEngine(options.replay))
    if options.replay is not None:
        raise UsageError(f"--replay is for --engine replay, not {name}")
    if model is None:
        raise UsageError("no model: expected --model with a folder, a hub id, or demo (or --replay FILE)")
    from rearank_cli.engines.transformers import TransformersEngine

    tokenizer = ChatTokenizer(model, trust_remote_code=options.trust_remote_code)
    engine = TransformersEngine(
        tokenizer, sampling, batch=options.batch, trust_remote_code=options.trust_remote_code
    )
    return Opened(name, engine, tokenizer, engine.context)


def model_name(model: str | None, options: EngineOptions) -> str:
    """Return what a run's tag says of the model; a replay names its recording.

    >>> model_name(None, EngineOptions(replay="runs/rankvicuna.completions.jsonl"))
    'replay=rankvicuna'
    """
    if options.replay is not None:
        return f"replay={Path(options.replay).name.partition('.')[0]}"
    return model or "-"
