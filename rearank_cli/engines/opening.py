"""Which engine answers, and how it is opened."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from rearank_cli.console import note
from rearank_cli.engines.fingerprint import fingerprint, revision
from rearank_cli.engines.protocol import Engine, Sampling
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.errors import Unavailable, UsageError
from rearank_cli.formats.provenance import clean_argument


class EngineName(StrEnum):
    """What answers the prompts; `auto` is one of the others, found from the options and the machine."""

    AUTO = "auto"
    VLLM = "vllm"
    TRANSFORMERS = "transformers"
    ENDPOINT = "endpoint"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine, the tokenizer of its prompts and its context in tokens, None where they are not known.

    `takes_ids` says whether it is asked with token ids or with chat turns, which the tokenizer then counts.
    `identity` names what answers besides the model's name: weights, adapter, recording, each as a fingerprint.
    `dropped_fields` tells which fields of a request a server did not take, so far.
    """

    name: EngineName
    engine: Engine
    tokenizer: ChatTokenizer | None = None
    context: int | None = None
    takes_ids: bool = True
    identity: Mapping[str, str | None] = field(default_factory=dict)
    dropped_fields: Callable[[], tuple[str, ...]] = tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What the command line says about the engine; None, False and () where it says nothing.

    `batch` and `concurrency` count windows, `max_model_len` tokens, `request_timeout` and `wait` seconds;
    `gpu_memory_utilization` is 0 to 1. `stopping` tells an engine that waits for servers that the run is to end.
    """

    name: EngineName = EngineName.AUTO
    replay: str | None = None
    batch: int | None = None
    adapter: str | None = None
    tokenizer: str | None = None
    trust_remote_code: bool = False
    tensor_parallel: int | None = None
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    eager: bool | None = None
    base_url: tuple[str, ...] = ()
    api_key_env: str | None = None
    concurrency: int | None = None
    request_timeout: float | None = None
    retries: int | None = None
    wait: float | None = None
    stopping: Callable[[], bool] | None = None
    constrain: bool = False
    deterministic: bool = False


_LOCAL = {"batch", "adapter", "trust_remote_code"}
_TAKEN = {
    EngineName.VLLM: _LOCAL
    | {"constrain", "tensor_parallel", "max_model_len", "gpu_memory_utilization", "eager"},
    EngineName.TRANSFORMERS: _LOCAL,
    EngineName.ENDPOINT: {
        "constrain",
        "max_model_len",
        "tokenizer",
        "base_url",
        "api_key_env",
        "concurrency",
        "request_timeout",
        "retries",
        "wait",
    },
    EngineName.REPLAY: {"replay"},
}


def open_engine(model: str | None, sampling: Sampling, options: EngineOptions) -> Opened:
    """Open the engine that the options name, or the best that they and the machine allow.

    Raises:
        UsageError: no model, an option of another engine, or a recording or base URL that is not given.
        RearankError: what the engine needs is not there.
    """
    name = _chosen(options)
    _refuse_foreign(name, options)
    if options.deterministic:
        options = _deterministic(name, options)
    if name is EngineName.REPLAY:
        return _open_replay(model, options)
    if model is None:
        raise UsageError("no model: expected --model with a folder, a hub id, or demo (or --replay FILE)")
    if name is EngineName.ENDPOINT:
        return _open_endpoint(model, sampling, options)
    if name is EngineName.VLLM:
        return _open_vllm(model, sampling, options)
    return _open_transformers(model, sampling, options)


def _chosen(options: EngineOptions) -> EngineName:
    if options.name is not EngineName.AUTO:
        return options.name
    name, reason = _best(options)
    note(f"engine: {name}, because {reason} (--engine names another)")
    return name


def _best(options: EngineOptions) -> tuple[EngineName, str]:
    """Return the engine that `auto` stands for, and why."""
    if options.base_url:
        return EngineName.ENDPOINT, "--base-url is given"
    if options.replay is not None:
        return EngineName.REPLAY, "--replay is given"
    if find_spec("torch") is None:
        return EngineName.TRANSFORMERS, "there is neither --base-url nor --replay"
    import torch

    if not torch.cuda.is_available():
        return EngineName.TRANSFORMERS, "there is no GPU here"
    if find_spec("vllm") is None:
        return EngineName.TRANSFORMERS, "vLLM is not installed"
    from rearank_cli.engines.vllm import import_vllm

    try:
        import_vllm()
    except Unavailable as error:
        return EngineName.TRANSFORMERS, str(error)
    return EngineName.VLLM, "vLLM and a GPU are here"


def _refuse_foreign(name: EngineName, options: EngineOptions) -> None:
    unsaid = asdict(EngineOptions())
    for option, value in asdict(options).items():
        users = [engine for engine, taken in _TAKEN.items() if option in taken]
        if users and name not in users and value != unsaid[option]:
            flag = f"--{option.replace('_', '-')}"
            raise UsageError(f"{flag} is for --engine {' or '.join(users)}, not {name}")


def _deterministic(name: EngineName, options: EngineOptions) -> EngineOptions:
    """Make what else is in a batch irrelevant to an answer where the engine can; say where it cannot."""
    if name is EngineName.TRANSFORMERS:
        return replace(options, batch=1)
    if name is EngineName.VLLM:
        import torch

        if torch.cuda.is_available():
            os.environ["VLLM_BATCH_INVARIANT"] = "1"
        else:
            note("--deterministic: vLLM has no batch-invariant mode on a CPU; --batch 1 is the way there")
    if name is EngineName.ENDPOINT:
        note("--deterministic: the server decides; a vLLM server is started with VLLM_BATCH_INVARIANT=1")
    return options


def _open_replay(model: str | None, options: EngineOptions) -> Opened:
    if options.replay is None:
        raise UsageError("--engine replay needs a recording: --replay FILE")
    from rearank_cli.engines.replay import ReplayEngine

    engine = ReplayEngine(options.replay, model=None if model is None else clean_argument(model))
    return Opened(EngineName.REPLAY, engine, identity={"recording": fingerprint(options.replay)})


def _open_endpoint(model: str, sampling: Sampling, options: EngineOptions) -> Opened:
    if not options.base_url:
        raise UsageError("--engine endpoint needs a server: --base-url http://localhost:8000/v1")
    from rearank_cli.engines.endpoint import CONCURRENCY, RETRIES, TIMEOUT, Endpoint, EndpointEngine

    endpoint = Endpoint(
        base_urls=options.base_url,
        api_key=api_key(options.api_key_env),
        concurrency=options.concurrency or CONCURRENCY,
        timeout=options.request_timeout or TIMEOUT,
        retries=RETRIES if options.retries is None else options.retries,
        wait=options.wait or 0.0,
        stopping=options.stopping or (lambda: False),
    )
    tokenizer = ChatTokenizer(options.tokenizer, think=sampling.think) if options.tokenizer else None
    engine = EndpointEngine(model, sampling, endpoint)
    return Opened(
        EngineName.ENDPOINT,
        engine,
        tokenizer,
        options.max_model_len,
        takes_ids=False,
        dropped_fields=lambda: engine.dropped_fields,
    )


def api_key(variable: str | None) -> str | None:
    """Return the key that an environment variable holds, None where no variable is named.

    Raises:
        UsageError: the variable is unset or empty, or holds what no request can carry.
    """
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(f"--api-key-env {variable}: expected that variable to hold a key, found it unset")
    if not (key.isascii() and key.isprintable()):
        raise UsageError(
            f"--api-key-env {variable}: expected a key in one line of ASCII, found other characters"
        )
    return key


def _open_vllm(model: str, sampling: Sampling, options: EngineOptions) -> Opened:
    from rearank_cli.engines.vllm import VllmEngine, VllmOptions

    tokenizer = ChatTokenizer(model, trust_remote_code=options.trust_remote_code, think=sampling.think)
    setup = VllmOptions(
        tensor_parallel=options.tensor_parallel or 1,
        at_once=options.batch,
        context=options.max_model_len,
        memory=options.gpu_memory_utilization,
        adapter=options.adapter,
        eager=options.eager,
        trust_remote_code=options.trust_remote_code,
    )
    engine = VllmEngine(model, sampling, setup, opens=tokenizer.opens)
    identity = _identity(model, options.adapter)
    return Opened(EngineName.VLLM, engine, tokenizer, engine.context, identity=identity)


def _open_transformers(model: str, sampling: Sampling, options: EngineOptions) -> Opened:
    from rearank_cli.engines.transformers import TransformersEngine

    tokenizer = ChatTokenizer(model, trust_remote_code=options.trust_remote_code, think=sampling.think)
    engine = TransformersEngine(
        tokenizer,
        sampling,
        batch=options.batch,
        adapter=options.adapter,
        trust_remote_code=options.trust_remote_code,
    )
    identity = _identity(model, options.adapter)
    return Opened(EngineName.TRANSFORMERS, engine, tokenizer, engine.context, identity=identity)


def _identity(model: str, adapter: str | None) -> dict[str, str | None]:
    """Return what tells these weights from others of the same name."""
    weights = fingerprint(model) or revision(model)
    return {"weights": weights, "adapter": adapter and fingerprint(adapter)}


def model_name(model: str | None, options: EngineOptions) -> str:
    """Return what a run's tag says of the model, not where its owner's home is; a replay names its recording.

    >>> model_name(None, EngineOptions(replay="runs/rankvicuna.completions.jsonl"))
    'replay=rankvicuna'
    >>> model_name("Qwen/Qwen2.5-7B-Instruct", EngineOptions(adapter="loras/r7b/"))
    'Qwen/Qwen2.5-7B-Instruct@r7b'
    """
    if options.replay is not None:
        return f"replay={Path(options.replay).name.partition('.')[0]}"
    adapter = f"@{Path(options.adapter).name}" if options.adapter else ""
    return f"{clean_argument(model) if model else '-'}{adapter}"
