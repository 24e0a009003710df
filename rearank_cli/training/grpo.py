"""GRPO by TRL: our lists as its dataset, our reward as its reward functions, nothing of its own replaced."""

from collections.abc import Callable, Sequence
from typing import Any

from rearank_cli.training.arguments import grpo_arguments
from rearank_cli.training.examples import Example, qid_of
from rearank_cli.training.folder import SAMPLES, Row, append_row
from rearank_cli.training.job import Job
from rearank_cli.training.recipe import Recipe
from rearank_cli.training.rewards import Parts, Rules, reward_parts

Chat = list[dict[str, str]]


class Rewards:
    """The three parts of the reward as TRL calls them: one value a completion, None for a list without signal.

    TRL logs each by the name of its method, and weighs and normalises them.
    """

    def __init__(self, examples: Sequence[Example], rules: Rules, sample: Callable[[int, Row], None]) -> None:
        """`sample` is given an update's number and one completion of each call, for reading."""
        self._examples = examples
        self._rules = rules
        self._sample = sample

    def rank(
        self,
        completions: list[Chat],
        place: list[int],
        trainer_state: Any,  # noqa: ANN401 - transformers is untyped
        **_: object,
    ) -> list[float | None]:
        """What the new order earns."""
        parts = self._parts(completions, place)
        self._sample(int(trainer_state.global_step), self._row(completions[0], place[0], parts[0]))
        return [part.rank if part else None for part in parts]

    def tags(self, completions: list[Chat], place: list[int], **_: object) -> list[float | None]:
        """1 for reasoning and answer in their tags."""
        return [part.tags if part else None for part in self._parts(completions, place)]

    def answer(self, completions: list[Chat], place: list[int], **_: object) -> list[float | None]:
        """1 for an answer that names every passage once."""
        return [part.answer if part else None for part in self._parts(completions, place)]

    def _parts(self, completions: list[Chat], place: list[int]) -> list[Parts | None]:
        return [
            reward_parts(chat[0]["content"], self._examples[at].worth, self._rules)
            for chat, at in zip(completions, place, strict=True)
        ]

    def _row(self, chat: Chat, at: int, parts: Parts | None) -> Row:
        example = self._examples[at]
        return {
            "qid": qid_of(example),
            "draw": example.graded.draw,
            "completion": chat[0]["content"],
            "rank": parts.rank if parts else None,
            "tags": parts.tags if parts else None,
            "answer": parts.answer if parts else None,
        }


def rows(examples: Sequence[Example]) -> list[dict[str, object]]:
    """Return the dataset: the chat of each list, and its place in the sequence."""
    return [
        {
            "prompt": [{"role": turn.role, "content": turn.content} for turn in example.messages],
            "place": place,
        }
        for place, example in enumerate(examples)
    ]


def grpo_trainer(job: Job) -> Any:  # noqa: ANN401 - TRL is untyped
    """Return TRL's trainer, ready to go."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    def sample(update: int, row: Row) -> None:
        if trainer.is_world_process_zero():
            append_row(job.folder / SAMPLES, {"step": update // job.recipe.updates_per_step + 1, **row})

    rewards = Rewards(job.split.train, job.recipe.rules(think=job.profile.template.think), sample)
    trainer = GRPOTrainer(
        model=job.profile.model,
        reward_funcs=[rewards.rank, rewards.tags, rewards.answer],
        args=GRPOConfig(**grpo_arguments(job.recipe, job.checkpoints, job.devices)),
        train_dataset=Dataset.from_list(rows(job.split.train)),
        processing_class=job.tokenizer.inner,
        peft_config=lora(job.recipe),
    )
    return trainer


def lora(recipe: Recipe) -> Any:  # noqa: ANN401 - peft is untyped
    """Return the configuration of the recipe's LoRA; None if all weights are trained."""
    if not recipe.lora_rank:
        return None
    from peft import LoraConfig

    targets = [name.strip() for name in recipe.lora_targets.split(",")]
    return LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha or 2 * recipe.lora_rank,
        target_modules=recipe.lora_targets if targets == ["all-linear"] else targets,
        task_type="CAUSAL_LM",
    )
