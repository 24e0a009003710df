"""The endpoint engine against a server that misbehaves."""

import json
import random
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

import openai  # noqa: F401 (loads the one or the other httpx)
import pytest

from rearank_cli.engines import fleet as fleet_module
from rearank_cli.engines.endpoint import Endpoint, EndpointEngine
from rearank_cli.engines.fleet import pause
from rearank_cli.engines.protocol import Sampling
from rearank_cli.errors import RearankError, TryLater, Unavailable, UsageError
from rearank_cli.records import Completion, Prompt
from tests.conftest import Run
from tests.engines.asking import answers, chat_prompt
from tests.engines.faulty import TEXT, FaultyServer, answer, serving

HTTPX = sys.modules.get("httpx2") or sys.modules["httpx"]  # newer clients use httpx2
PROMPT = chat_prompt("rank these")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "FIRST_PAUSE", 0.01)


@contextmanager
def engine(
    *servers: FaultyServer | str,
    concurrency: int = 32,
    timeout: float = 20,
    retries: int = 5,
    api_key: str | None = None,
) -> Iterator[EndpointEngine]:
    urls = tuple(server if isinstance(server, str) else server.url for server in servers)
    how = Endpoint(base_urls=urls, concurrency=concurrency, timeout=timeout, retries=retries, api_key=api_key)
    made = EndpointEngine("tiny", Sampling(64), how)
    try:
        yield made
    finally:
        made.close()


def nobody_listens() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def test_answers_come_with_text_and_counts_and_no_stop_string_is_sent() -> None:
    with serving(lambda *_: "good") as server, engine(server) as asked:
        (got,) = answers(asked, [PROMPT])
    assert (got.text, got.finish, got.prompt_tokens, got.output_tokens) == (TEXT, "stop", 11, 7)
    assert 0 < got.seconds < 10
    assert server.bodies == [
        {
            "model": "tiny", "messages": [{"role": "user", "content": "rank these"}],
            "max_tokens": 64, "temperature": 0.0,
        }
    ]  # fmt: skip


def test_as_many_requests_are_in_flight_as_asked_for_and_never_more() -> None:
    with serving(lambda *_: "good") as server, engine(server, concurrency=8) as asked:
        assert {got.text for got in answers(asked, [PROMPT] * 60)} == {TEXT}
    assert 4 <= server.most_in_flight <= 8
    assert len(server.bodies) == 60


def test_a_prompt_may_have_sampling_of_its_own() -> None:
    own = Prompt("q", ("d",), "0", messages=PROMPT.messages, sampling=Sampling(9, 0.7, 0.9, seed=3))
    with serving(lambda *_: "good") as server, engine(server) as asked:
        answers(asked, [own])
    sent = {name: server.bodies[0][name] for name in ("max_tokens", "temperature", "top_p", "seed")}
    assert sent == {"max_tokens": 9, "temperature": 0.7, "top_p": 0.9, "seed": 3}


@pytest.mark.parametrize(
    ("sent", "text", "finish"),
    [
        (answer("<answer>[1]", "length"), "<answer>[1]", "length"),
        (answer("[2] > [1]"), "[2] > [1]", "stop"),
        (answer("\ud83d [2] > [1]"), "? [2] > [1]", "stop"),
        (answer("<answer>[1]</answer>"), "<answer>[1]</answer>", "stop"),
        (answer("<answer>[1]", reasoning_content="hm"), "<think>\nhm\n</think>\n<answer>[1]", "stop"),
        (answer("<answer>[1]", reasoning="hm"), "<think>\nhm\n</think>\n<answer>[1]", "stop"),
        (answer(None, "length", reasoning="hm <answer>"), "<think>\nhm <answer>", "length"),
    ],
)
def test_what_servers_leave_out_or_put_elsewhere_is_put_back(
    sent: dict[str, Any], text: str, finish: str
) -> None:
    with serving(lambda *_: dict(sent)) as server, engine(server) as asked:
        (got,) = answers(asked, [PROMPT])
    assert (got.text, got.finish, got.prompt_tokens) == (text, finish, 0)


@pytest.mark.parametrize(
    "fault",
    [
        "429",
        "500",
        "503",
        "hang",
        "reset",
        "garbage",
        "html",
        "cut",
        {"error": {"message": "x"}},
        {"choices": []},
        {"choices": [{"message": None}]},
        {},
    ],
)
def test_one_fault_is_asked_again(fault: str | dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    plan = [dict(fault) if isinstance(fault, dict) else fault, "good"]
    with (
        serving(lambda number, _: plan[number]) as server,
        engine(server, timeout=0.5 if fault == "hang" else 20) as asked,
    ):
        (got,) = answers(asked, [PROMPT])
    assert got.text == TEXT
    assert len(server.bodies) == 2
    assert capsys.readouterr().err.count("trying again") == 1


@pytest.mark.parametrize(
    ("fault", "error", "words", "requests"),
    [
        ("401", Unavailable, "refuses with 401.*no such key.*--api-key-env", 1),
        ("403", Unavailable, "refuses with 403.*not for you.*--api-key-env", 1),
        ("404", Unavailable, "'tiny', found 404.*no such model.*--base-url.*--model", 1),
        ("html", Unavailable, "a web page instead of JSON.*--base-url", 3),
        ("400", Unavailable, "HTTP 400.*bad request.*5 queries.*asking again is no use", 5),
        ("429", TryLater, "HTTP 429.*slow down.*3 tries; try again later$", 3),
        ("503", TryLater, "HTTP 503.*overloaded.*3 tries", 3),
        ("reset", TryLater, "no connection.*3 tries", 3),
        ("cut", TryLater, "no connection.*3 tries", 3),
        ("500", TryLater, "HTTP 500.*broken.*3 tries", 15),
        ("hang", TryLater, "no answer within 0.1 s.*2 tries", 10),
        ("garbage", TryLater, "no JSON.*3 tries", 15),
    ],
)
def test_a_fault_without_end_is_one_sentence(
    fault: str | dict[str, Any], error: type[RearankError], words: str, requests: int
) -> None:
    with (
        serving(lambda *_: dict(fault) if isinstance(fault, dict) else fault) as server,
        engine(server, timeout=0.1 if fault == "hang" else 20, retries=2, concurrency=1) as asked,
        pytest.raises(error, match=words) as raised,
    ):
        answers(asked, [replace(PROMPT, qid=f"q{number}") for number in range(30)])
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(server.url)
    assert len(server.bodies) == requests


def test_a_refused_connection_means_later(capsys: pytest.CaptureFixture[str]) -> None:
    url = nobody_listens()
    with (
        engine(url, retries=1) as asked,
        pytest.raises(TryLater, match=r"no connection \(.*refused\).*2 tries"),
    ):
        answers(asked, [PROMPT])
    assert capsys.readouterr().err.startswith(f"rearank: {url}: no connection")


def test_a_request_that_timed_out_twice_is_given_up_whatever_is_left_of_its_retries() -> None:
    plan = ["500", "hang", "500", "hang", "good"]
    with (
        serving(lambda number, _: plan[number]) as server,
        engine(server, timeout=0.3, retries=6, concurrency=1) as asked,
    ):
        got = answers(asked, [PROMPT, PROMPT])
    assert [completion.finish for completion in got] == ["error", "stop"]


def test_a_host_that_takes_no_connection_is_down_and_not_slow() -> None:
    def unreachable(_request: object) -> NoReturn:
        raise HTTPX.ConnectTimeout("timed out")

    with engine(nobody_listens(), retries=3) as asked:
        (server,) = asked._servers.values()
        server.http = HTTPX.AsyncClient(transport=HTTPX.MockTransport(unreachable))
        with pytest.raises(TryLater, match=r"no connection \(timed out\), in the last of 4 tries"):
            answers(asked, [PROMPT])


def test_what_was_answered_before_the_end_is_not_lost() -> None:
    with (
        serving(lambda number, _: "good" if number < 20 else "401") as server,
        engine(server, concurrency=4) as asked,
    ):
        got: list[Completion] = []
        for key in range(4):
            asked.submit(key, PROMPT)
        with pytest.raises(Unavailable):
            for key in range(4, 99):
                finished = asked.collect()
                got += [completion for _, completion in finished]
                for _ in finished:
                    asked.submit(key, PROMPT)
    assert 17 <= len(got) <= 20  # three may have been in flight beside the one that was refused


@pytest.mark.parametrize("fault", ["500", "garbage", {"error": "loading"}])
def test_a_window_that_always_fails_is_given_up_and_the_others_are_answered(
    fault: str | dict[str, Any],
) -> None:
    def plan(_number: int, body: dict[str, Any]) -> str | dict[str, Any]:
        if body["messages"][0]["content"] != "poison":
            return "good"
        return dict(fault) if isinstance(fault, dict) else fault

    prompts = [PROMPT, chat_prompt("poison"), *[PROMPT] * 8]
    with serving(plan) as server, engine(server, retries=2, concurrency=2) as asked:
        got = answers(asked, prompts)
    assert [completion.finish for completion in got] == ["stop", "error", *["stop"] * 8]
    assert got[1].text == ""
    assert got[1].reason


def test_a_fifth_of_all_requests_may_fail() -> None:
    rng = random.Random(5)
    faults = ["429", "500", "reset", "garbage", "html", "cut", "503"]
    plan = [rng.choice(faults) if rng.random() < 0.2 else "good" for _ in range(400)]
    plan[20] = "hang"  # once: a request that hangs twice is given up
    with (
        serving(lambda number, _: plan[number]) as server,
        engine(server, timeout=1, retries=12, concurrency=8) as asked,
    ):
        got = answers(asked, [PROMPT] * 200)
    assert {completion.text for completion in got} == {TEXT}
    assert plan[: len(server.bodies)].count("good") == 200


def test_retry_after_is_honoured() -> None:
    with serving(lambda number, _: "429" if number == 0 else "good") as server, engine(server) as asked:
        server.headers["Retry-After"] = "1"
        started = time.monotonic()
        answers(asked, [PROMPT])
    assert time.monotonic() - started >= 1


def test_a_server_that_asks_for_an_hour_is_left_alone() -> None:
    with serving(lambda *_: "429") as server, engine(server) as asked:
        server.headers["Retry-After"] = "3600"
        with pytest.raises(TryLater, match="HTTP 429"):
            answers(asked, [PROMPT])
    assert len(server.bodies) == 1


def test_pauses_grow_and_are_spread() -> None:
    first, sixth = ([pause(attempt, 0) for _ in range(200)] for attempt in (1, 6))
    assert 0.005 <= min(first) < max(first) <= 0.01
    assert 0.16 <= min(sixth) < max(sixth) <= 0.32
    assert pause(1, 7) > 7


def test_requests_go_where_the_fewest_are_in_flight() -> None:
    with (
        serving(lambda *_: "good") as one,
        serving(lambda *_: "good") as two,
        engine(one, two, concurrency=8) as asked,
    ):
        answers(asked, [PROMPT] * 80)
    assert one.most_in_flight <= 5
    assert two.most_in_flight <= 5
    assert min(len(one.bodies), len(two.bodies)) >= 20


def test_a_dead_server_of_a_fleet_is_passed_over() -> None:
    with serving(lambda *_: "good") as alive, engine(nobody_listens(), alive, concurrency=4) as asked:
        assert {got.text for got in answers(asked, [PROMPT] * 40)} == {TEXT}
    assert len(alive.bodies) == 40


@pytest.mark.parametrize("name", ["max_tokens", "temperature"])
def test_a_field_that_the_server_refuses_is_sent_no_more(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def plan(_number: int, body: dict[str, Any]) -> str | dict[str, Any]:
        refused = {"status": 400, "error": {"message": "unsupported parameter", "param": name}}
        return refused if name in body else "good"

    with serving(plan) as server, engine(server, concurrency=4) as asked:
        assert {got.text for got in answers(asked, [PROMPT] * 12)} == {TEXT}
    assert server.bodies[-1].get("max_completion_tokens") == (64 if name == "max_tokens" else None)
    assert capsys.readouterr().err.count(f"does not take '{name}'") == 1


def test_the_key_is_sent_and_never_shown() -> None:
    reply = {"status": 401, "error": {"message": "key s3cret is wrong"}}
    how = Endpoint(base_urls=("http://user:s3cret@127.0.0.1/v1",), api_key="s3cret")
    assert "s3cret" not in repr(how).replace("user:s3cret@", "")
    with serving(lambda *_: dict(reply)) as server, engine(server, api_key="s3cret") as asked:
        with pytest.raises(Unavailable) as raised:
            answers(asked, [PROMPT])
        assert server.keys == {"Bearer s3cret"}
    assert "s3cret" not in str(raised.value)
    with engine("http://user:s3cret@127.0.0.1:1/v1", retries=0) as asked, pytest.raises(TryLater) as later:
        answers(asked, [PROMPT])
    assert "s3cret" not in str(later.value)


def test_closing_does_not_wait_for_what_is_in_flight_and_says_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(lambda *_: "hang") as server, engine(server, timeout=1) as asked:
        for key in range(5):
            asked.submit(key, PROMPT)
        assert asked.collect(timeout=0.3) == []
        started = time.monotonic()
        asked.close()
        assert time.monotonic() - started < 0.5
        assert asked.collect(timeout=5) != []
    assert capsys.readouterr().err == ""


def test_a_request_that_closing_overtakes_ends_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda *_: "good") as server, engine(server) as asked:
        asked.close()
        asked.submit(0, PROMPT)
        ((key, got),) = asked.collect(timeout=10)
        assert (key, got.text, got.finish) == (0, "", "error")
    assert capsys.readouterr().err == ""
    assert server.bodies == []


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://there/v1", "http://", "v1"])
def test_a_base_url_must_be_one(url: str) -> None:
    with pytest.raises(UsageError, match="--base-url"), engine(url):
        pass


LINE = json.dumps(
    {"query": {"qid": "1", "text": "cars"}, "candidates": [
        {"docid": f"d{n}", "score": 9 - n, "doc": {"text": f"passage {n}"}} for n in (1, 2)]}
)  # fmt: skip


def test_the_command_line_reranks_through_a_server(rearank: Run) -> None:
    with serving(lambda *_: "good") as server:
        done = rearank("rerank", "--model", "tiny", "--base-url", server.url, "--tag", "t", stdin=LINE)
    assert done.stdout == "1 Q0 d2 1 2 t\n1 Q0 d1 2 1 t\n"
    assert "engine: endpoint, because --base-url is given" in done.stderr


@pytest.mark.parametrize(("fault", "status"), [("401", 69), ("404", 69), ("html", 69), ("503", 75)])
def test_final_faults_have_their_status(rearank: Run, fault: str, status: int) -> None:
    with serving(lambda *_: fault) as server:
        args = ("rerank", "--model", "tiny", "--base-url", server.url, "--retries", "0")
        done = rearank(*args, stdin=LINE, status=status)
    assert done.stdout == ""


def test_a_refused_connection_is_75_and_an_unset_key_2(rearank: Run) -> None:
    args = ("rerank", "--model", "tiny", "--base-url", nobody_listens(), "--retries", "0")
    assert "no connection" in rearank(*args, stdin=LINE, status=75).stderr
    unset = rearank(*args, "--api-key-env", "NO_SUCH_VARIABLE", stdin=LINE, status=2)
    assert "--api-key-env NO_SUCH_VARIABLE" in unset.stderr
