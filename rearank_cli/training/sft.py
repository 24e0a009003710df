"""Supervised fine-tuning by TRL: the prompt as served, loss on the demonstration alone."""

from typing import Any

from rearank_cli.training.arguments import sft_arguments
from rearank_cli.training.demonstrations import demonstrated
from rearank_cli.training.grpo import lora
from rearank_cli.training.job import Job


def tokenised(job: Job) -> list[dict[str, list[int]]]:
    """Return token ids of prompt and demonstration, ended as the model ends; the mask is 1 where loss counts."""
    pairs = demonstrated(job.split.train, think=job.profile.template.think)
    answers = job.tokenizer.encode([text for _, text in pairs])
    end = [job.tokenizer.inner.eos_token_id]
    return [
        {
            "input_ids": [*example.ids, *answer, *end],
            "completion_mask": [0] * len(example.ids) + [1] * (len(answer) + 1),
        }
        for (example, _), answer in zip(pairs, answers, strict=True)
    ]


def sft_trainer(job: Job) -> Any:  # noqa: ANN401 - TRL is untyped
    """Return TRL's trainer, ready to go."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    return SFTTrainer(
        model=job.profile.model,
        args=SFTConfig(**sft_arguments(job.recipe, job.checkpoints, job.devices)),
        train_dataset=Dataset.from_list(tokenised(job)),
        processing_class=job.tokenizer.inner,
        peft_config=lora(job.recipe),
    )
