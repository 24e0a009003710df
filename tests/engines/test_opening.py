"""Which engine is chosen, and what is refused before anything is loaded."""

from pathlib import Path
from typing import Any

import pytest

from rearank_cli.engines import opening
from rearank_cli.engines.opening import EngineName, EngineOptions, open_engine
from rearank_cli.engines.protocol import Sampling
from rearank_cli.errors import MissingInput, Unavailable, UsageError
from tests.conftest import Run

URL = ("http://127.0.0.1:9/v1",)


def opened(model: str | None = "m", **options: Any) -> EngineName:
    made = open_engine(model, Sampling(8), EngineOptions(**options))
    made.engine.close()
    return made.name


def test_auto_takes_the_endpoint_where_a_base_url_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert opened(base_url=URL) is EngineName.ENDPOINT
    assert capsys.readouterr().err.startswith("rearank: engine: endpoint, because --base-url is given")


def test_auto_takes_the_recording_where_one_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "r.jsonl"
    recording.write_text("")
    assert opened(None, replay=str(recording)) is EngineName.REPLAY
    assert "because --replay is given" in capsys.readouterr().err


def test_an_engine_that_is_named_is_not_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert opened(name=EngineName.ENDPOINT, base_url=URL) is EngineName.ENDPOINT
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("gpu", "vllm", "broken", "name", "reason"),
    [
        (False, True, False, EngineName.TRANSFORMERS, "there is no GPU here"),
        (True, False, False, EngineName.TRANSFORMERS, "vLLM is not installed"),
        (True, True, True, EngineName.TRANSFORMERS, "pip uninstall -y torchvision"),
        (True, True, False, EngineName.VLLM, "vLLM and a GPU are here"),
    ],
)
def test_auto_takes_vllm_where_it_imports_and_a_gpu_is_there(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, vllm: bool, broken: bool, name: EngineName, reason: str
) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra local")

    def import_vllm() -> None:
        if broken:
            raise Unavailable("the vllm engine cannot be used: pip uninstall -y torchvision")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(
        opening, "find_spec", lambda module: None if module == "vllm" and not vllm else module
    )
    monkeypatch.setattr("rearank_cli.engines.vllm.import_vllm", import_vllm)
    chosen, why = opening._best(EngineOptions())
    assert chosen is name
    assert reason in why


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": EngineName.REPLAY}, "--replay FILE"),
        ({"name": EngineName.ENDPOINT}, "--base-url http"),
        ({"base_url": URL, "replay": "r"}, "--replay is for --engine replay, not endpoint"),
        ({"base_url": URL, "batch": 4}, "--batch is for --engine vllm or transformers, not endpoint"),
        ({"name": EngineName.TRANSFORMERS, "eager": False}, "--eager is for --engine vllm, not transformers"),
        (
            {"name": EngineName.TRANSFORMERS, "retries": 0},
            "--retries is for --engine endpoint, not transformers",
        ),
        ({"name": EngineName.VLLM, "wait": 60.0}, "--wait is for --engine endpoint, not vllm"),
        ({"name": EngineName.VLLM, "base_url": URL}, "--base-url is for --engine endpoint, not vllm"),
        ({"base_url": URL, "api_key_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE: expected that variable"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        opened(**options)


@pytest.mark.parametrize("key", ["sk-\u00e9", "one\ntwo"])
def test_a_key_that_no_header_can_carry_is_refused_unshown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("A_KEY", key)
    with pytest.raises(UsageError, match="A_KEY: expected a key in one line of ASCII") as raised:
        opened(base_url=URL, api_key_env="A_KEY")
    assert key not in str(raised.value)


def test_an_engine_needs_a_model() -> None:
    with pytest.raises(UsageError, match="no model: expected --model"):
        opened(None, base_url=URL)


def test_a_model_that_is_not_there_is_66(rearank: Run) -> None:
    done = rearank("rerank", "--engine", "vllm", "--model", "./nowhere", stdin="{}", status=66)
    assert "./nowhere: expected a model folder or a hub id, found no such folder" in done.stderr


def test_a_folder_that_holds_no_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra local")
    with pytest.raises(MissingInput, match="no tokenizer could be loaded"):
        opened(str(tmp_path), name=EngineName.TRANSFORMERS)
