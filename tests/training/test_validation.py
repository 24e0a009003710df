"""Held-out lists are ranked as `rerank` would rank them, whatever the model's own defaults are."""

from pathlib import Path

import pytest

from rearank_cli.engines.protocol import Sampling
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.engines.transformers import TransformersEngine
from rearank_cli.formats.lists import read_lists
from rearank_cli.formats.streams import open_source
from rearank_cli.ranking import prompts
from rearank_cli.records import Prompt
from rearank_cli.training.examples import examples
from rearank_cli.training.validation import written_greedily
from tests.training import tiny

pytest.importorskip("torch")


def test_a_repetition_penalty_of_the_model_does_not_leak_into_validation(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    tokenizer = ChatTokenizer(tiny.model(tmp_path / "model"))
    with open_source(tiny.lists(tmp_path / "lists.jsonl", queries=2)) as source:
        found = examples(read_lists(source), prompts.load("rearank"), tokenizer)
    model = AutoModelForCausalLM.from_pretrained(tokenizer.model, dtype="float32")
    assert model.generation_config.repetition_penalty == 1.9
    written = list(written_greedily(model, tokenizer.inner, found, answer_tokens=24))
    assert model.generation_config.repetition_penalty == 1.9
    engine = TransformersEngine(tokenizer, Sampling(max_tokens=24), batch=4)
    for key, example in enumerate(found):
        engine.submit(key, Prompt("q", (), "", example.messages, example.ids))
    served = {key: completion.text for _ in found for key, completion in engine.collect()}
    assert [served[key] for key in range(len(found))] == [one.text for one in written]
