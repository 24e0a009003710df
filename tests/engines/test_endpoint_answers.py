"""The endpoint engine against servers that refuse, that lack fields, and that read less than they are sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from rearank_cli.engines import fleet as fleet_module
from rearank_cli.engines.endpoint import Endpoint, EndpointEngine
from rearank_cli.errors import TryLater, Unavailable, UsageError
from rearank_cli.records import Sampling
from tests.engines.asking import answers, chat_prompt
from tests.engines.faulty import TEXT, FaultyServer, answer, serving

PROMPT = chat_prompt("rank these")
GREEDY = Sampling(64)
POISON = replace(chat_prompt("knife"), qid="q7")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "FIRST_PAUSE", 0.01)


@contextmanager
def engine(
    *servers: FaultyServer | str, sampling: Sampling = GREEDY, api_key: str | None = None, **how: Any
) -> Iterator[EndpointEngine]:
    urls = tuple(server if isinstance(server, str) else server.url for server in servers)
    endpoint = Endpoint(base_urls=urls, api_key=api_key, **{"timeout": 20, "retries": 2, **how})
    made = EndpointEngine("tiny", sampling, endpoint)
    try:
        yield made
    finally:
        made.close()


def poisoned(refusal: dict[str, Any] | str) -> Any:
    """A plan that refuses prompts about a knife."""

    def plan(_number: int, body: dict[str, Any]) -> str | dict[str, Any]:
        if "knife" not in body["messages"][0]["content"]:
            return "good"
        return dict(refusal) if isinstance(refusal, dict) else refusal

    return plan


REFUSALS = [
    # A content filter (ragas#649, alpaca_eval#227), a prompt too long, a filter under 200 (litellm#9303), and others.
    (
        {"status": 400, "error": {"message": "no", "code": "content_filter", "param": "prompt"}},
        "content_filter",
    ),
    ({"status": 413, "error": {"message": "3000 + 64 tokens exceed the context"}}, "exceed the context"),
    (
        {"status": 422, "detail": [{"loc": ["body", "messages"], "msg": "too many"}]},
        "body.messages: too many",
    ),
    ({"status": 451, "message": "not here"}, "not here"),
    ({"status": 403, "error": {"message": "flagged by moderation"}}, "flagged"),
    ({"status": 400, "error": {"message": "bad", "param": ["stop"]}}, "bad"),
    ({"status": 400, "error": {"message": "bad", "param": {"a": 1}}}, "bad"),
    ({"status": 400, "error": "just words"}, "just words"),
    ({"error": {"code": 400, "message": "too long"}}, "too long"),
    ("text:cannot read the body", "cannot read the body"),
    (answer(None, "content_filter"), "content_filter"),
    (answer(None, refusal="I cannot"), "I cannot"),
]


@pytest.mark.parametrize(("refusal", "words"), REFUSALS)
def test_a_prompt_that_is_refused_for_good_is_asked_once_and_its_reason_kept_and_said(
    refusal: dict[str, Any] | str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(poisoned(refusal)) as server, engine(server) as asked:
        got = answers(asked, [PROMPT, POISON, *[PROMPT] * 8])
    assert [completion.finish for completion in got] == ["stop", "refused", *["stop"] * 8]
    assert got[1].text == ""
    assert words in got[1].reason
    assert len(server.bodies) == 10
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("rearank: query q7: ")
    assert words in said


def test_a_reason_with_other_numbers_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    def plan(number: int, _body: dict[str, Any]) -> dict[str, Any]:
        words = "a quota" if number == 3 else f"{3000 + number} tokens exceed 'q{number}'"
        return {"status": 400, "error": {"message": words}}

    with serving(plan) as server, engine(server) as asked:
        got = answers(asked, [PROMPT] * 20)
    assert {completion.finish for completion in got} == {"refused"}
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_refusals_of_five_queries_before_any_answer_are_the_end() -> None:
    prompts = [replace(POISON, qid=f"q{number}") for number in range(9)]
    refusal = {"status": 400, "error": {"message": "no such thing"}}
    with serving(poisoned(refusal)) as server, engine(server, concurrency=1) as asked:
        with pytest.raises(Unavailable, match="no such thing.*5 queries"):
            answers(asked, prompts)
        assert len(server.bodies) == 5
    with serving(poisoned(refusal)) as server, engine(server, concurrency=1) as asked:
        assert [one.finish for one in answers(asked, [PROMPT, *prompts])] == ["stop", *["refused"] * 9]


def test_what_one_server_refuses_another_one_is_asked_and_may_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refusal = {"status": 400, "error": {"message": "context of 512"}}
    with serving(lambda *_: dict(refusal)) as small, serving(lambda *_: "good") as large:
        with engine(small, large, concurrency=2) as asked:
            assert {got.text for got in answers(asked, [PROMPT] * 20)} == {TEXT}
        with engine(small, small, concurrency=1) as asked:
            (got,) = answers(asked, [PROMPT])
    assert got.finish == "refused"
    assert "context of 512" in capsys.readouterr().err


def test_an_answer_without_text_is_empty_and_is_not_asked_again() -> None:
    with serving(lambda *_: answer("")) as server, engine(server) as asked:
        got = answers(asked, [PROMPT] * 3)
    assert [(one.text, one.finish) for one in got] == [("", "stop")] * 3
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    "error",
    [
        {"message": "unsupported parameter", "param": "seed"},
        {"message": "does not support parameters: ['seed']"},
        {"message": "bad request", "detail": "unknown field `seed`"},
    ],
)
def test_a_field_that_is_not_taken_is_dropped_for_that_server_alone(
    error: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def strict(_number: int, body: dict[str, Any]) -> str | dict[str, Any]:
        return {"status": 400, "error": error} if "seed" in body else "good"

    with serving(strict) as one, serving(lambda *_: "good") as two:
        with engine(one, two, sampling=Sampling(64, 0.5)) as asked:
            assert not asked.dropped_fields
            assert {got.text for got in answers(asked, [PROMPT] * 12)} == {TEXT}
            assert asked.dropped_fields == ("seed",)
        assert all("seed" in body for body in two.bodies)
        assert any("seed" not in body for body in one.bodies)
    assert capsys.readouterr().err.count("does not take 'seed'") == 1


def test_a_limit_above_the_context_is_the_users_to_mend() -> None:
    """`param` names the field whose value is refused: Step-Audio-R1#3."""
    error = {"message": "max_tokens=8000 is above 4096", "param": "max_tokens", "code": 400}
    with serving(lambda *_: {"status": 400, "error": error}) as server, engine(server) as asked:
        (got,) = answers(asked, [PROMPT])
    assert (got.finish, "above 4096" in got.reason) == ("refused", True)
    assert [body["max_tokens"] for body in server.bodies] == [64]


def test_a_pattern_that_the_server_ignores_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    constrained = Sampling(64, pattern=r"\[[12]\] > \[[12]\]")
    with serving(lambda *_: "good") as server, engine(server, sampling=constrained) as asked:
        answers(asked, [PROMPT] * 3)
        assert asked.dropped_fields == ("structured_outputs",)
    assert capsys.readouterr().err.count("--constrain") == 1
    with serving(lambda *_: answer("[2] > [1]")) as server, engine(server, sampling=constrained) as asked:
        answers(asked, [PROMPT])
        assert asked.dropped_fields == ()


def test_a_prompt_that_the_server_cut_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    long = chat_prompt("couch " * 2000)
    counted = {**answer("[2] > [1]"), "usage": {"prompt_tokens": 500}}
    with serving(lambda *_: dict(counted)) as server, engine(server) as asked:
        answers(asked, [long] * 3)
    (said,) = capsys.readouterr().err.splitlines()
    assert "counts 500 tokens of a prompt of at least 833" in said


def test_a_server_that_drips_is_given_up_at_the_time_out() -> None:
    with (
        serving(lambda *_: "drip") as server,
        engine(server, timeout=0.3, retries=0) as asked,
    ):
        (got,) = answers(asked, [PROMPT])
    assert (got.finish, got.reason) == ("error", "no answer within 0.3 s")


def test_nothing_of_the_environment_goes_to_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "ours")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Own: ours")
    with serving(lambda *_: "good") as server, engine(server) as asked:
        answers(asked, [PROMPT])
    ((_, headers),) = server.seen
    assert "ours" not in headers.values()
    assert "authorization" not in headers


def test_a_redirect_is_not_followed_and_says_where_it_points() -> None:
    with serving(lambda *_: "good") as elsewhere, serving(lambda *_: {"status": 307}) as server:
        server.headers["Location"] = f"{elsewhere.url}/chat/completions?token=abc"
        with (
            engine(server) as asked,
            pytest.raises(Unavailable, match=f"redirects with 307 to {elsewhere.url}"),
        ):
            answers(asked, [PROMPT])
        assert elsewhere.bodies == []


def test_a_key_in_the_query_is_sent_and_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    reply = {"status": 503, "error": {"message": "no room for s3cret or s3cret%2Fx"}}
    with serving(lambda *_: dict(reply)) as server:
        with (
            engine(f"{server.url}?key=s3cret%2Fx&api-version=1", retries=0) as asked,
            pytest.raises(TryLater) as raised,
        ):
            answers(asked, [PROMPT])
        ((path, _),) = server.seen
    assert path == "/v1/chat/completions?key=s3cret%2Fx&api-version=1"
    assert "s3cret%2Fx" not in str(raised.value) + capsys.readouterr().err
    assert str(raised.value).startswith(f"{server.url}: ")


def test_a_mistyped_address_shows_no_password() -> None:
    with pytest.raises(UsageError) as raised, engine("htp://me:s3cret@host/v1?key=k3y"):
        pass
    assert "s3cret" not in str(raised.value)
    assert "k3y" not in str(raised.value)
    assert "host/v1" in str(raised.value)


def test_a_proxy_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:s3cret@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with (
        engine("http://127.0.0.1:8/v1", retries=0) as asked,
        pytest.raises(TryLater, match=r"through the proxy http://127.0.0.1:9\)") as raised,
    ):
        answers(asked, [PROMPT])
    assert "s3cret" not in str(raised.value)


def test_escapes_of_a_server_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    refusal = {"status": 400, "error": {"message": "no\x1b[2J\r\nrearank: all is well"}}
    with serving(poisoned(refusal)) as server, engine(server) as asked:
        (got,) = answers(asked, [POISON])
    assert got.reason == "HTTP 400 (no [2J rearank: all is well)"
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_json_nested_beyond_measure_is_a_fault_like_any() -> None:
    deep = '{"error":' * 900 + "1" + "}" * 900
    with (
        serving(lambda number, _: f"text:{deep}" if number == 0 else "good") as server,
        engine(server) as asked,
    ):
        (got,) = answers(asked, [PROMPT])
    assert got.finish in ("stop", "refused")
