"""Any causal language model that transformers loads, in left-padded batches over different queries."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rearank_cli.engines.attention import use_grouped_heads
from rearank_cli.engines.installation import first_line, why
from rearank_cli.engines.protocol import Sampling
from rearank_cli.engines.room import PROMPT_TOKENS, batch_that_fits, cache_bytes, free_memory
from rearank_cli.engines.tokenizer import INSTALL, ChatTokenizer
from rearank_cli.errors import DataError, MissingInput, Unavailable
from rearank_cli.reasoning import ANSWER_END, until_answer
from rearank_cli.records import Completion, Finish, Prompt

BATCH_ON_CPU = 16
BATCH_ON_GPU = 64
_CPU_ALLOCATOR = (
    "DefaultCPUAllocator"  # names itself where it has no memory, in an error without a type of its own
)


class TransformersEngine:
    """Generates in static batches: prompts of like length together, the one that waits longest among them.

    A batch is as large as the free memory suggests, up to 16 windows on a CPU and 64 on a GPU; it is halved
    where memory runs out, and stays so. float32 on a CPU, bfloat16 on a GPU.
    """

    def __init__(
        self,
        tokenizer: ChatTokenizer,
        sampling: Sampling,
        *,
        batch: int | None = None,
        adapter: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        """Load the model of the tokenizer, and the LoRA folder `adapter` over it.

        Raises:
            Unavailable: torch, transformers or, for an adapter, peft is missing, or cannot be imported.
            MissingInput: no model or adapter there.
            DataError: the model is not a causal language model.
        """
        try:
            import torch
        except (ImportError, OSError, RuntimeError) as error:
            raise Unavailable(
                f"the transformers engine needs torch, which cannot be used: {why(error, INSTALL)}"
            ) from error
        self._torch = torch
        self._tokenizer = tokenizer
        self._sampling = sampling
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if self._device == "cuda" else torch.float32
        model = _load(tokenizer.model, dtype, trust_remote_code=trust_remote_code)
        if adapter is not None:
            _adapt(model, adapter)
        if self._device == "cpu":
            use_grouped_heads(model)
        self._model = model.to(self._device).eval()
        inner, own = tokenizer.inner, self._model.generation_config
        self._ends = end_tokens(own.eos_token_id, inner.eos_token_id)
        self._pad = next((i for i in (inner.pad_token_id, inner.eos_token_id, 0) if i is not None), 0)
        # Decoding as asked for and nothing else: a model's own defaults (top_k, penalties) would change results.
        self._model.generation_config = type(own)(eos_token_id=self._ends, pad_token_id=self._pad)
        self._batch = batch or self._batch_that_fits(dtype.itemsize)
        self.capacity = 2 * self._batch  # the second half is there to choose prompts of like length from
        self._waiting: list[tuple[int, Prompt]] = []
        torch.manual_seed(sampling.seed)

    @property
    def context(self) -> int | None:
        """The most tokens that prompt and completion may have together, None where the model does not say."""
        config = self._model.config.get_text_config()
        name = config.attribute_map.get("max_position_embeddings", "max_position_embeddings")
        length = config.to_dict().get(name)
        return int(length) if length else None

    def _batch_that_fits(self, width: int) -> int:
        on_gpu = self._device == "cuda"
        free = self._torch.cuda.mem_get_info()[0] if on_gpu else free_memory()
        token = cache_bytes(self._model.config.get_text_config().to_dict(), width)
        longest = PROMPT_TOKENS + self._sampling.max_tokens
        tokens = min(longest, self.context or longest)
        return batch_that_fits(free, token, tokens, BATCH_ON_GPU if on_gpu else BATCH_ON_CPU)

    def submit(self, key: int, prompt: Prompt) -> None:
        """Queue a prompt; it is worked on in `collect`."""
        self._waiting.append((key, prompt))

    def collect(self, timeout: float | None = None) -> list[tuple[int, Completion]]:
        """Generate one batch. A batch cannot be left half done, so that `timeout` is not looked at.

        Raises:
            Unavailable: not even one prompt fits into memory.
        """
        while self._waiting:
            chosen = self._like_the_oldest()
            completions = self._generated_if_it_fits([prompt for _, prompt in chosen])
            if completions is None:
                self._batch = len(chosen) // 2
                continue
            keys = [key for key, _ in chosen]
            self._waiting = [entry for entry in self._waiting if entry[0] not in keys]
            return list(zip(keys, completions, strict=True))
        return []

    def close(self) -> None:
        """Let go of the model."""
        del self._model

    def _like_the_oldest(self) -> list[tuple[int, Prompt]]:
        oldest = self._waiting[0][1]
        fitting = [entry for entry in self._waiting if entry[1].sampling == oldest.sampling]
        return sorted(fitting, key=lambda entry: abs(len(entry[1].ids) - len(oldest.ids)))[: self._batch]

    def _generated_if_it_fits(self, prompts: list[Prompt]) -> list[Completion] | None:
        try:
            return self._generate(prompts)
        except RuntimeError as error:
            if not (isinstance(error, self._torch.OutOfMemoryError) or _CPU_ALLOCATOR in str(error)):
                raise
            if len(prompts) == 1:
                raise Unavailable(
                    f"{self._tokenizer.model}: one window does not fit into the memory of this device "
                    f"({first_line(error)}); use a smaller --window or --max-tokens, or a smaller model"
                ) from error
        if self._device == "cuda":  # here the failed attempt's tensors are no longer held by its traceback
            self._torch.cuda.empty_cache()
        return None

    def _generation_config(self, sampling: Sampling) -> Any:  # noqa: ANN401 - transformers is untyped
        from transformers import GenerationConfig

        drawn: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            drawn = {
                "do_sample": True,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": 0,
            }
        return GenerationConfig(
            max_new_tokens=sampling.max_tokens,
            eos_token_id=self._ends,
            pad_token_id=self._pad,
            **drawn,
        )

    def _generate(self, prompts: list[Prompt]) -> list[Completion]:
        torch, started = self._torch, time.monotonic()
        width = max(len(prompt.ids) for prompt in prompts)
        own = prompts[0].sampling  # the same in all of them
        if own is not None:
            torch.manual_seed(own.seed)
        ids = torch.tensor(
            [[self._pad] * (width - len(p.ids)) + list(p.ids) for p in prompts], device=self._device
        )
        mask = torch.tensor(
            [[0] * (width - len(p.ids)) + [1] * len(p.ids) for p in prompts], device=self._device
        )
        with torch.inference_mode():
            rows = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=self._generation_config(own or self._sampling),
                stopping_criteria=[
                    answered(self._tokenizer.inner, width, [self._before(prompt) for prompt in prompts])
                ],
            )
        seconds = time.monotonic() - started
        new = rows[:, width:].tolist()
        return [self._completion(prompt, row, seconds) for prompt, row in zip(prompts, new, strict=True)]

    def _completion(self, prompt: Prompt, row: list[int], seconds: float) -> Completion:
        stop = next((i for i, token in enumerate(row) if token in (self._ends or ())), None)
        written = row[:stop]
        if stop is None:
            while written and written[-1] == self._pad:
                written.pop()
        text, whole = until_answer(self._tokenizer.decode(written), self._before(prompt))
        finish: Finish = "stop" if whole or stop is not None else "length"
        tokens = len(written) + (stop is not None and not whole)  # the end token counts, padding does not
        opened = "" if prompt.thought else self._tokenizer.opens
        return Completion(opened + text, finish, len(prompt.ids), tokens, seconds)

    def _before(self, prompt: Prompt) -> str:
        return prompt.thought or self._tokenizer.opens


def answered(tokenizer: Any, width: int, before: Sequence[str]) -> Any:  # noqa: ANN401 - transformers is untyped
    """Return the criterion that ends a row at its answer, but not at a closing tag in the reasoning.

    `width` is the length of the prompts in tokens, `before` the text that each row goes on from.
    """
    from transformers import StoppingCriteria, StopStringCriteria

    class Answered(StoppingCriteria):  # type: ignore[misc]  # transformers is untyped
        """True for each row whose last token completes an answer outside the reasoning."""

        closed = StopStringCriteria(tokenizer=tokenizer, stop_strings=[ANSWER_END])

        def __call__(self, input_ids: Any, scores: Any, **options: Any) -> Any:  # noqa: ANN401
            ended = self.closed(input_ids, scores, **options)
            for row in ended.nonzero().flatten().tolist():
                written = tokenizer.decode(input_ids[row, width:].tolist(), skip_special_tokens=False)
                ended[row] = until_answer(written, before[row])[1]
            return ended

    return Answered()


def end_tokens(model: int | list[int] | None, tokenizer: int | None) -> list[int] | None:
    """Return the tokens that end a completion: those of the model's defaults and the tokenizer's, as in vLLM.

    >>> end_tokens([5, 3], 4), end_tokens(None, 4), end_tokens(None, None)
    ([3, 4, 5], [4], None)
    """
    own = model if isinstance(model, list) else [model]
    return sorted({token for token in (*own, tokenizer) if token is not None}) or None


def _load(model: str, dtype: Any, *, trust_remote_code: bool) -> Any:  # noqa: ANN401 - torch's types
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return AutoModelForCausalLM.from_pretrained(model, dtype=dtype, trust_remote_code=trust_remote_code)
    except (ImportError, RuntimeError) as error:
        raise Unavailable(f"{model}: transformers cannot load this model: {why(error, INSTALL)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{model}: expected a causal language model ({first_line(error)})") from error
    except OSError as error:
        raise MissingInput(
            f"{model}: no model could be loaded ({first_line(error)}); "
            "expected a folder with config.json and weights, or a hub id that can be reached"
        ) from error


def _adapt(model: Any, adapter: str) -> None:  # noqa: ANN401 - transformers is untyped
    if not (Path(adapter) / "adapter_config.json").is_file():
        raise MissingInput(
            f"{adapter}: expected the folder of a LoRA adapter, found no adapter_config.json in it"
        )
    try:
        model.load_adapter(adapter)
    except ImportError as error:
        raise Unavailable(
            f"--adapter needs peft, which cannot be used: {why(error, 'pip install peft')}"
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{adapter}: expected a LoRA adapter of this very model ({first_line(error)})"
        ) from error
