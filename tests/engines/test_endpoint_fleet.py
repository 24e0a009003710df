"""The endpoint engine with servers of which some are no good, and with servers that come back."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rearank_cli.engines import fleet as fleet_module
from rearank_cli.engines import remarks
from rearank_cli.engines.endpoint import Endpoint, EndpointEngine
from rearank_cli.errors import TryLater, Unavailable
from rearank_cli.records import Sampling
from tests.conftest import Run
from tests.engines.asking import answers, chat_prompt
from tests.engines.faulty import TEXT, FaultyServer, serving
from tests.engines.test_endpoint import LINE

PROMPT = chat_prompt("rank these")
AGAIN = "trying again, here and after faults like it"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(fleet_module, "LONGEST_PAUSE", 0.05)


@contextmanager
def engine(*servers: FaultyServer | str, **how: Any) -> Iterator[EndpointEngine]:
    urls = tuple(server if isinstance(server, str) else server.url for server in servers)
    endpoint = Endpoint(base_urls=urls, **{"timeout": 20, "retries": 2, "concurrency": 4, **how})
    made = EndpointEngine("tiny", Sampling(64), endpoint)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(
    "fault", ["401", "403", "404", "html", {"status": 402}, {"status": 405}, {"status": 308}]
)
def test_a_server_that_refuses_for_good_is_set_aside_while_another_one_answers(
    fault: str | dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def plan(*_: object) -> str | dict[str, Any]:
        return dict(fault) if isinstance(fault, dict) else fault

    with serving(plan) as refusing, serving(lambda *_: "good") as good:
        refusing.headers["Location"] = "http://nowhere/v1/chat/completions"
        with engine(refusing, good) as asked:
            assert {got.text for got in answers(asked, [PROMPT] * 40)} == {TEXT}
        assert len(refusing.bodies) <= 4
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"rearank: {refusing.url}: ")
    assert said.endswith("the other servers go on without it")


def test_if_all_refuse_for_good_the_end_names_each() -> None:
    with (
        serving(lambda *_: "401") as one,
        serving(lambda *_: "404") as two,
        engine(one, two) as asked,
        pytest.raises(Unavailable) as raised,
    ):
        answers(asked, [PROMPT] * 9)
    said = str(raised.value)
    assert f"{one.url}: the server refuses with 401" in said
    assert f"{two.url}: expected an OpenAI-compatible server" in said


@pytest.mark.parametrize("fault", ["500", "garbage", "cut", "reset", "429", "503"])
def test_a_server_that_always_fails_rests_and_costs_no_request(fault: str) -> None:
    with serving(lambda *_: fault) as broken, serving(lambda *_: "good") as good:
        with engine(broken, good, retries=1) as asked:
            got = answers(asked, [PROMPT] * 100)
        assert {completion.text for completion in got} == {TEXT}
        assert len(broken.bodies) <= 30


def test_a_server_that_fails_only_where_another_one_answers_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (
        serving(lambda *_: "good") as good,
        serving(lambda *_: "hang") as silent,
        engine(good, silent, concurrency=1, timeout=0.5) as asked,
    ):
        for _ in range(200):
            answers(asked, [PROMPT])
            if capsys.readouterr().err == f"rearank: {silent.url}: no answer within 0.5 s; {AGAIN}\n":
                return
            time.sleep(0.01)
    pytest.fail("nothing was said of the silent server")


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_server_that_never_ends_an_answer_holds_no_request(fault: str) -> None:
    with serving(lambda *_: fault) as silent, serving(lambda *_: "good") as good:
        with engine(silent, good, timeout=60, retries=0) as asked:
            assert {got.text for got in answers(asked, [PROMPT] * 60)} == {TEXT}
        assert len(silent.bodies) <= 10


def test_a_server_that_is_back_gets_requests_again() -> None:
    with (
        serving(lambda number, _: "500" if number < 6 else "good") as back,
        serving(lambda *_: "good") as good,
        engine(back, good) as asked,
    ):
        for _ in range(20):
            answers(asked, [PROMPT] * 20)
            if len(back.bodies) > 20:
                break
        assert len(back.bodies) > 20


def test_a_server_that_is_down_is_waited_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remarks, "LOG_SECONDS", 0.0)
    with (
        serving(lambda number, _: "503" if number < 40 else "good") as server,
        engine(server, wait=60.0) as asked,
    ):
        assert {got.text for got in answers(asked, [PROMPT] * 8)} == {TEXT}
    assert "no server answers since 0 min, waiting for 1 min more at most" in capsys.readouterr().err


def test_the_waiting_has_an_end() -> None:
    with (
        serving(lambda *_: "503") as server,
        engine(server, wait=0.3) as asked,
        pytest.raises(TryLater, match="HTTP 503.*tries; try again later$"),
    ):
        answers(asked, [PROMPT] * 8)


def test_a_window_that_is_down_alone_is_given_up_in_spite_of_the_waiting() -> None:
    def plan(_number: int, body: dict[str, Any]) -> str:
        return "503" if body["messages"][0]["content"] == "poison" else "good"

    with serving(plan) as server, engine(server, wait=600.0, concurrency=2) as asked:
        asked.submit(0, chat_prompt("poison"))
        finished: dict[int, str] = {}
        for key in range(1, 400):
            asked.submit(key, replace(PROMPT, qid=str(key)))
            finished.update((key, one.finish) for key, one in asked.collect())
            if 0 in finished:
                break
    assert finished[0] == "error"


def test_closing_ends_the_waiting_at_once() -> None:
    with serving(lambda *_: "503") as server, engine(server, wait=600.0) as asked:
        for key in range(4):
            asked.submit(key, PROMPT)
        assert asked.collect(timeout=0.2) == []
        asked.close()
        assert {got.finish for _, got in asked.collect(timeout=5)} == {"error"}


def test_a_run_that_is_to_end_waits_for_no_server() -> None:
    with serving(lambda *_: "503") as server, engine(server, wait=600.0, stopping=lambda: True) as asked:
        with pytest.raises(TryLater, match="HTTP 503.*the run ended before an answer came"):
            answers(asked, [PROMPT])
        assert len(server.bodies) == 1


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_ends_a_run_that_waits_at_once_and_leaves_the_window_for_another_time(
    tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    trace, candidates = tmp_path / "trace.jsonl", tmp_path / "candidates.jsonl"
    candidates.write_text(LINE)
    with serving(lambda *_: "503") as server:
        asked = ["--model", "tiny", "--base-url", server.url, "--max-time", "1h", "--trace", str(trace)]
        command = [sys.executable, "-m", "rearank_cli", "rerank", str(candidates), *asked]
        with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, start_new_session=True) as process:
            while len(server.bodies) < 2:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(sent)
            stdout, stderr = process.communicate(timeout=30)  # the grace is a minute
    assert (process.returncode, stdout) == (status, "")
    assert "0 queries were finished" in stderr
    assert '"qid"' not in trace.read_text()


def test_a_silent_server_is_not_asked_for_a_second_opinion() -> None:
    refusal = {"status": 400, "error": {"message": "too long"}}

    def plan(_number: int, body: dict[str, Any]) -> str | dict[str, Any]:
        return dict(refusal) if body["messages"][0]["content"] == "poison" else "good"

    prompts = [*[PROMPT] * 20, *[chat_prompt("poison")] * 5, *[PROMPT] * 5]
    with (
        serving(plan) as good,
        serving(lambda *_: "hang") as silent,
        engine(silent, good, timeout=600) as asked,
    ):
        got = answers(asked, prompts)
    assert [one.finish for one in got[20:]] == [*["refused"] * 5, *["stop"] * 5]


@pytest.mark.parametrize("option", ["--max-time", "--wait"])
def test_the_command_line_waits(rearank: Run, option: str) -> None:
    with serving(lambda number, _: "503" if number < 2 else "good") as server:
        asked = ("rerank", "--model", "tiny", "--base-url", server.url, "--tag", "t")
        done = rearank(*asked, "--retries", "0", option, "60s", stdin=LINE)
    assert done.stdout == "1 Q0 d2 1 2 t\n1 Q0 d1 2 1 t\n"
