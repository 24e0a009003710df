"""What SFT imitates fits into the answer's budget, end token and all."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.errors import DataError
from rearank_cli.formats.lists import read_lists
from rearank_cli.formats.streams import open_source
from rearank_cli.ranking import prompts
from rearank_cli.training.demonstrations import within_answer_tokens
from rearank_cli.training.examples import Example, examples
from rearank_cli.training.sft import tokenised
from tests.training.tiny import lists

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer(str(Path(__file__).parents[2] / "rearank_cli" / "datasets" / "demo" / "model"))


@pytest.fixture
def found(tmp_path: Path, tokenizer: ChatTokenizer) -> list[Example]:
    with open_source(lists(tmp_path / "lists.jsonl")) as source:
        return examples(read_lists(source), prompts.load("rearank"), tokenizer)


def test_the_end_token_counts_and_is_learned(found: list[Example], tokenizer: ChatTokenizer) -> None:
    job = SimpleNamespace(
        split=SimpleNamespace(train=found),
        profile=SimpleNamespace(template=prompts.load("rearank")),
        tokenizer=tokenizer,
    )
    rows = tokenised(job)  # type: ignore[arg-type]
    assert {row["input_ids"][-1] for row in rows} == {tokenizer.inner.eos_token_id}
    assert {row["completion_mask"][-1] for row in rows} == {1}
    [length] = {sum(row["completion_mask"]) for row in rows}
    assert within_answer_tokens(found, tokenizer, length, think=True) == found
    with pytest.raises(DataError, match=f"answer_tokens = {length - 1} .the shortest has {length} tokens"):
        within_answer_tokens(found, tokenizer, length - 1, think=True)
