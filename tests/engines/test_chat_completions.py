"""What servers send besides the usual, read without a server."""

import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from rearank_cli.engines.chat_completions import asked_to_wait, decoded, keeps_to, prompt_was_cut, read_answer
from rearank_cli.engines.faults import Fault, Kind
from rearank_cli.reasoning import outside_reasoning
from rearank_cli.records import Completion, Message, Prompt, Sampling


def test_a_count_that_is_null_is_none() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": None}
    sent = {"choices": [{"message": {"content": "[1]"}}], "usage": usage}
    read = read_answer(sent, seconds=2.0, sampling=Sampling(9))
    assert (read.text, read.prompt_tokens, read.output_tokens, read.seconds) == ("[1]", 5, 0, 2.0)


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        ("<html>", Kind.ODD, "expected a chat completion"),
        ([], Kind.ODD, r"expected a chat completion, found \[\]"),
        ({"error": {"message": "m" * 500}}, Kind.ODD, r"an error instead of an answer: m{300}$"),
    ],
)
def test_what_is_no_answer_is_a_fault_in_a_few_words(sent: object, kind: Kind, words: str) -> None:
    with pytest.raises(Fault) as raised:
        read_answer(sent, seconds=0.0, sampling=Sampling(9))
    assert raised.value.kind is kind
    assert re.search(words, raised.value.what)


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        (b" <html>", Kind.FOREIGN, "a web page"),
        (b"data: {}", Kind.ODD, "bytes that are no JSON: b'data: {}'"),
        (b"", Kind.ODD, "bytes that are no JSON: b''"),
        (b"\xff", Kind.ODD, "bytes that are no JSON"),
    ],
)
def test_bytes_that_are_no_json_are_a_fault(sent: bytes, kind: Kind, words: str) -> None:
    with pytest.raises(Fault, match=re.escape(words)) as raised:
        decoded(sent)
    assert raised.value.kind is kind


def test_a_date_to_retry_after_is_a_wait_till_then() -> None:
    now = datetime.now(UTC)
    assert (
        3500 < asked_to_wait({"retry-after": format_datetime(now + timedelta(hours=1), usegmt=True)}) <= 3600
    )
    assert asked_to_wait({"retry-after": format_datetime(now - timedelta(hours=1), usegmt=True)}) == 0.0


def test_a_retry_after_that_is_a_time_of_day_or_no_number() -> None:
    assert 5 < asked_to_wait({"retry-after": str(int(time.time()) + 10)}) <= 10
    assert [asked_to_wait({"retry-after": odd}) for odd in ("nan", "inf", "Wed, 99 Foo", "-3")] == [0.0] * 4


def read(message: dict[str, Any], finish: object = "stop", think: bool | None = None) -> Completion:
    choice = {"message": message, "finish_reason": finish}
    return read_answer({"choices": [choice]}, seconds=0.0, sampling=Sampling(9, think=think))


ORDER = "<answer>[2] > [1]</answer>"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        # Parts (llm-mistral#39, spring-ai#5020, hermes-agent#4748).
        ([{"type": "text", "text": "[2] > "}, {"type": "text", "text": "[1]"}], "[2] > [1]"),
        (
            [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": ORDER}],
            f"<think>\nhm\n</think>\n{ORDER}",
        ),
        (
            [{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": ORDER}],
            f"<think>\nhm\n</think>\n{ORDER}",
        ),
        ([{"type": "thinking", "thinking": "hm"}, "[2]"], "<think>\nhm\n</think>\n[2]"),
        ([{"type": "text", "text": {"value": "[2]"}}, None, 7], "[2]"),
        ({"type": "text", "text": "[2]"}, "[2]"),
        ([], ""),
        (None, ""),
    ],
)  # fmt: skip
def test_the_parts_of_a_content_are_joined(content: object, text: str) -> None:
    assert read({"content": content}).text == text


@pytest.mark.parametrize(
    ("message", "think", "text"),
    [
        # The answer in the field of the reasoning (vllm#17349, #17609).
        ({"reasoning_content": "I say [2] > [1]"}, False, "I say [2] > [1]"),
        ({"reasoning": "[2] > [1]"}, None, "[2] > [1]"),
        ({"reasoning": "1. [2]\n2. [1]"}, None, "1. [2]\n2. [1]"),
        ({"reasoning_content": f"hm {ORDER}\n", "content": " "}, True, f"hm {ORDER}\n"),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "[2], [1]."}]}, True, "[2], [1]."),
        # Reasoning that ended without an answer.
        ({"reasoning_content": "so [2] is best"}, None, "<think>\nso [2] is best"),
        ({"reasoning_content": f"the format is {ORDER}, and so"}, True, f"<think>\nthe format is {ORDER}, and so"),
        ({"reasoning": ">"}, None, "<think>\n>"),
    ],
)  # fmt: skip
def test_reasoning_alone_is_the_answer_only_if_it_looks_so(
    message: dict[str, Any], think: bool | None, text: str
) -> None:
    assert read(message, think=think).text == text


def test_reasoning_that_was_cut_off_is_never_the_answer() -> None:
    got = read({"reasoning_content": f"hm {ORDER}"}, "length", think=False)
    assert (got.text, got.finish) == (f"<think>\nhm {ORDER}", "length")


@pytest.mark.parametrize("quoted", ["</think>", "<think></think>", "[/THINK]", "</reasoning>"])
def test_a_mark_that_the_reasoning_quotes_does_not_end_it(quoted: str) -> None:
    thought = f"the format is {quoted}<answer>[1] > [2]</answer>, then"
    cut_off = read({"reasoning_content": thought}, "length")
    assert outside_reasoning(cut_off.text) == ("", True)
    whole = read({"reasoning_content": thought, "content": ORDER})
    assert outside_reasoning(whole.text) == (f"\n{ORDER}", False)


def test_an_answer_quoted_while_thinking_ends_nothing() -> None:
    """Stop strings that act inside the reasoning: vllm#52393, #38499."""
    text = f"<think>the format is <answer>[1] > [2]</answer>. So</think>{ORDER}"
    assert read({"content": f"{text} and more, <answer>[1] > [2]</answer>"}).text == text


@pytest.mark.parametrize(
    "finish", ["stop", "eos", "STOP", "end_turn", "eos_token", "stop_sequence", "COMPLETE", None]
)
def test_a_known_end_is_one(finish: str | None) -> None:
    assert read({"content": "[2] > [1]"}, finish).finish == "stop"


@pytest.mark.parametrize(
    "finish", ["length", "max_tokens", "model_length", "MAX_TOKENS", "time_limit", "tool_calls", 7]
)
def test_whatever_is_no_known_end_is_cut_off(finish: object) -> None:
    """Servers have many words for it (Mistral: model_length)."""
    assert read({"content": "[2] > [1]"}, finish).finish == "length"
    assert read({"content": f"{ORDER} and mo"}, finish) == Completion(ORDER)


def test_an_answer_without_text_is_an_empty_completion() -> None:
    assert read({"content": None}) == Completion("", "stop")
    assert read({}, "length") == Completion("", "length")


@pytest.mark.parametrize(
    ("message", "finish", "reason"),
    [
        # A filter that answers with 200 (litellm#9303).
        ({"content": None}, "content_filter", "finish_reason content_filter"),
        ({"content": "[2] >"}, "content_filter", "finish_reason content_filter"),
        ({"content": None, "refusal": "I cannot help"}, "stop", "I cannot help"),
        ({"content": [{"type": "refusal", "refusal": "No."}]}, "stop", "No."),
        ({"content": ""}, "SAFETY", "finish_reason safety"),
        ({}, "content_filter: PROHIBITED_CONTENT", "finish_reason content_filter: prohibited_content"),
        ({"content": ""}, "sensitive", "finish_reason sensitive"),
    ],
)
def test_a_refusal_under_200_is_one_for_good(message: dict[str, Any], finish: str, reason: str) -> None:
    with pytest.raises(Fault) as raised:
        read(message, finish)
    assert (raised.value.kind, raised.value.what) == (Kind.REFUSED, reason)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ({"choices": [], "prompt_filter_results": [{"content_filter_results": {"x": {"filtered": True}}}]}, "refused"),
        ({"choices": [], "prompt_filter_results": [{"content_filter_results": {"x": {"filtered": False}}}]}, "odd"),
        ({"choices": None, "promptFeedback": {"blockReason": "SAFETY"}}, "refused"),
        ({"code": "DataInspectionFailed", "message": "inappropriate content"}, "refused"),
        ({"choices": [], "usage": {}}, "odd"),
        ({"message": "model is loading"}, "odd"),
    ],
)  # fmt: skip
def test_an_answer_without_choices_is_refused_if_a_filter_says_so(sent: dict[str, Any], kind: str) -> None:
    with pytest.raises(Fault) as raised:
        read_answer(sent, seconds=0.0, sampling=Sampling(9))
    assert raised.value.kind == Kind(kind)


def test_an_answer_beside_a_refusal_is_an_answer() -> None:
    assert read({"content": ORDER, "refusal": "I should not"}).text == ORDER
    assert read({"content": ORDER}, "content_filter").finish == "stop"


@pytest.mark.parametrize(
    ("choice", "kind"),
    [
        ({"finish_reason": "error", "error": {"code": 502, "message": "idle"}}, Kind.DOWN),
        ({"finish_reason": "error"}, Kind.ODD),
        ({"finish_reason": "stop", "error": {"code": 400, "message": "too long"}}, Kind.REFUSED),
    ],
)
def test_an_error_within_a_choice_is_a_fault(choice: dict[str, Any], kind: Kind) -> None:
    sent = {"choices": [{"message": {"content": ""}, **choice}]}
    with pytest.raises(Fault) as raised:
        read_answer(sent, seconds=0.0, sampling=Sampling(9))
    assert raised.value.kind is kind


def prompt(text: str, ids: int = 0) -> Prompt:
    return Prompt("q", ("d",), "0", messages=(Message("user", text),), ids=tuple(range(ids)))


@pytest.mark.parametrize(
    ("asked", "counted", "cut"),
    [
        # A server that cuts prompts in silence (ollama#17889, hermes-agent#43900).
        (prompt("couch " * 2000), 500, 833),
        (prompt("x", ids=1000), 899, 1000),
        (prompt("x", ids=1000), 900, 0),
        (prompt("couch " * 2000), 2000, 0),
        (prompt("x", ids=1000), 0, 0),
        (prompt("couch " * 2000), 0, 0),
        (prompt("couch " * 2000), 10, 0),
        (prompt("\u6905" * 3000), 1500, 0),
        (prompt("Donaudampfschifffahrtsgesellschaft " * 300), 2400, 0),
        (prompt("- " * 3000 + "=" * 3000), 100, 0),
    ],
)
def test_a_prompt_that_was_cut_is_seen_and_no_other(asked: Prompt, counted: int, cut: int) -> None:
    assert prompt_was_cut(asked, counted) == cut


def test_whether_an_answer_keeps_to_a_pattern() -> None:
    pattern = r"<think>[^<]*</think>\s?<answer>\[1\]</answer>"
    assert keeps_to(pattern, Completion("<think>\nso\n</think>\n<answer>[1]</answer>"))
    assert keeps_to(pattern, Completion("<think>so", "length"))
    assert not keeps_to(pattern, Completion("I would say [1]"))
