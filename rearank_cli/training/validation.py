"""Held-out lists, ranked greedily as they would be served: nDCG@10, form, length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from rearank_cli.engines.transformers import answered, end_tokens
from rearank_cli.reasoning import opened_by, until_answer
from rearank_cli.training.examples import Example
from rearank_cli.training.rewards import Rules, answer_reward, reached_ndcg, tags_reward

BATCH = 32  # lists at once
_TAIL = 16  # tokens of a prompt in which its template may open the reasoning


@dataclass(frozen=True, slots=True)
class Heldout:
    """Means over held-out lists: `ndcg` (nDCG@10) and `format` (share in form) from 0 to 1, `length` in tokens."""

    ndcg: float
    format: float
    length: float


@dataclass(frozen=True, slots=True)
class Written:
    """A completion up to the end of its answer, and its length in tokens."""

    text: str
    tokens: int


def measured(written: Sequence[Written], examples: Sequence[Example], rules: Rules) -> Heldout:
    """Return the figures of one completion an example, in the same order."""
    pairs = list(zip(written, examples, strict=True))
    return Heldout(
        mean(reached_ndcg(one.text, example.worth) for one, example in pairs),
        mean(
            tags_reward(one.text, rules) * answer_reward(one.text, len(example.worth.grades), rules)
            for one, example in pairs
        ),
        mean(one.tokens for one in written),
    )


def written_greedily(
    model: Any,  # noqa: ANN401 - transformers is untyped
    tokenizer: Any,  # noqa: ANN401 - transformers is untyped
    examples: Sequence[Example],
    answer_tokens: int,
) -> Iterator[Written]:
    """Yield a greedy completion for each example, in order; the model is left in the mode it was in.

    Decoding is that of `rerank`: of the model's own defaults only its end tokens count.
    """
    from transformers import GenerationConfig

    was_training, own = model.training, model.generation_config
    ends = end_tokens(own.eos_token_id, tokenizer.eos_token_id)
    model.eval()
    # generate fills in from here what its argument leaves open: a repetition penalty, say.
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=tokenizer.pad_token_id)
    try:
        for start in range(0, len(examples), BATCH):
            prompts = [example.ids for example in examples[start : start + BATCH]]
            yield from _batch(model, tokenizer, prompts, answer_tokens, ends)
    finally:
        model.generation_config = own
        model.train(was_training)


def _batch(
    model: Any,  # noqa: ANN401 - transformers is untyped
    tokenizer: Any,  # noqa: ANN401 - transformers is untyped
    prompts: list[tuple[int, ...]],
    most: int,
    ends: list[int] | None,
) -> Iterator[Written]:
    import torch
    from transformers import GenerationConfig

    width = max(map(len, prompts))
    pad = tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts], device=model.device)
    before = [opened_by(tokenizer.decode(list(row[-_TAIL:]), skip_special_tokens=False)) for row in prompts]
    greedy = GenerationConfig(max_new_tokens=most, do_sample=False, eos_token_id=ends, pad_token_id=pad)
    with torch.no_grad():
        rows = model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=greedy,
            stopping_criteria=[answered(tokenizer, width, before)],
        )
    stops = {pad, *(ends or ())}
    for row, opened in zip(rows[:, width:].tolist(), before, strict=True):
        kept = row[: next((at for at, token in enumerate(row) if token in stops), len(row))]
        text, _ = until_answer(tokenizer.decode(kept, skip_special_tokens=False), opened)
        yield Written(text, len(kept))
