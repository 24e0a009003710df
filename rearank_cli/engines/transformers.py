"""Any causal language model that transformers loads, in left-padded batches over different queries."""

import time
from typing import Any

from rearank_cli.engines.protocol import STOP, Sampling
from rearank_cli.engines.tokenizer import ChatTokenizer, first_line
from rearank_cli.errors import DataError, MissingInput, Unavailable
from rearank_cli.records import Completion, Finish, Prompt

BATCH_ON_CPU = 16
BATCH_ON_GPU = 64


class TransformersEngine:
    """Generates in static batches: prompts of like length together, the one that waits longest among them.

    The batch is halved where memory runs out, and stays so. float32 on a CPU, bfloat16 on a GPU.
    """

    def __init__(
        self,
        tokenizer: ChatTokenizer,
        sampling: Sampling,
        *,
        batch: int | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        """Load the model of the tokenizer.

        Raises:
            Unavailable: torch or transformers is missing, or cannot be imported.
            MissingInput: no model there.
        """
        try:
            import torch
        except ImportError as error:
            raise Unavailable(
                f"the transformers engine needs torch ({error}); install it: pip install 'rearank[local]'"
            ) from error
        self._torch = torch
        self._tokenizer = tokenizer
        self._sampling = sampling
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if self._device == "cuda" else torch.float32
        self._model = (
            _load(tokenizer.model, dtype, trust_remote_code=trust_remote_code).to(self._device).eval()
        )
        self._generation = self._generation_config()
        self._batch = batch or (BATCH_ON_GPU if self._device == "cuda" else BATCH_ON_CPU)
        self.capacity = 2 * self._batch  # the second half is there to choose prompts of like length from
        self._waiting: list[tuple[int, Prompt]] = []
        torch.manual_seed(sampling.seed)

    @property
    def context(self) -> int | None:
        """The most tokens that prompt and completion may have together, None where the model does not say."""
        length = self._model.config.get_text_config().max_position_embeddings
        return int(length) if length else None

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
            try:
                completions = self._generate([prompt for _, prompt in chosen])
            except self._torch.OutOfMemoryError as error:
                self._halve(error)
                continue
            keys = [key for key, _ in chosen]
            self._waiting = [entry for entry in self._waiting if entry[0] not in keys]
            return list(zip(keys, completions, strict=True))
        return []

    def close(self) -> None:
        """Let go of the model."""
        del self._model

    def _like_the_oldest(self) -> list[tuple[int, Prompt]]:
        length = len(self._waiting[0][1].ids)
        return sorted(self._waiting, key=lambda entry: abs(len(entry[1].ids) - length))[: self._batch]

    def _halve(self, error: Exception) -> None:
        if self._batch == 1:
            raise Unavailable(
                f"{self._tokenizer.model}: one window does not fit into the memory of this device "
                f"({first_line(error)}); use a smaller --window or --max-tokens, or a smaller model"
            ) from error
        self._batch //= 2
        if self._device == "cuda":
            self._torch.cuda.empty_cache()

    def _generation_config(self) -> Any:  # noqa: ANN401 - transformers is untyped
        """Decoding as asked for and nothing else: a model's own defaults (top_k, penalties) would change results."""
        from transformers import GenerationConfig

        inner, own, sampling = self._tokenizer.inner, self._model.generation_config, self._sampling
        ends = own.eos_token_id if own.eos_token_id is not None else inner.eos_token_id
        pad = next((i for i in (inner.pad_token_id, inner.eos_token_id, 0) if i is not None), 0)
        drawn: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            drawn = {
                "do_sample": True,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": 0,
            }
        config = GenerationConfig(
            max_new_tokens=sampling.max_tokens,
            eos_token_id=ends,
            pad_token_id=pad,
            stop_strings=[STOP],
            **drawn,
        )
        self._model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=pad)
        return config

    def _generate(self, prompts: list[Prompt]) -> list[Completion]:
        torch, started = self._torch, time.monotonic()
        width = max(len(prompt.ids) for prompt in prompts)
        pad = self._generation.pad_token_id
        ids = torch.tensor([[pad] * (width - len(p.ids)) + list(p.ids) for p in prompts], device=self._device)
        mask = torch.tensor(
            [[0] * (width - len(p.ids)) + [1] * len(p.ids) for p in prompts], device=self._device
        )
        with torch.inference_mode():
            rows = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=self._generation,
                tokenizer=self._tokenizer.inner,
            )
        seconds = time.monotonic() - started
        new = rows[:, width:].tolist()
        return [self._completion(prompt, row, seconds) for prompt, row in zip(prompts, new, strict=True)]

    def _completion(self, prompt: Prompt, row: list[int], seconds: float) -> Completion:
        ends = self._generation.eos_token_id
        ends = {ends} if isinstance(ends, int) else set(ends or ())
        stop = next((i for i, token in enumerate(row) if token in ends), None)
        kept = row[:stop]
        if stop is None:
            while kept and kept[-1] == self._generation.pad_token_id:
                kept.pop()
        text = str(self._tokenizer.inner.decode(kept, skip_special_tokens=True))
        head, answer_end, _ = text.partition(STOP)
        finish: Finish = "stop" if answer_end or stop is not None else "length"
        return Completion(head + answer_end, finish, len(prompt.ids), len(kept), seconds)


def _load(model: str, dtype: Any, *, trust_remote_code: bool) -> Any:  # noqa: ANN401 - torch's types
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return AutoModelForCausalLM.from_pretrained(model, dtype=dtype, trust_remote_code=trust_remote_code)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{model}: expected a causal language model ({first_line(error)})") from error
    except OSError as error:
        raise MissingInput(
            f"{model}: no model could be loaded ({first_line(error)}); "
            "expected a folder with config.json and weights, or a hub id that can be reached"
        ) from error
