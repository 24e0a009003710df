"""Asking: forced answers, and patterns that answers are held to."""

import re
from dataclasses import replace

import pytest

from rearank_cli.formats.trace import Answer
from rearank_cli.ranking.asking import Policy, answer_pattern, ask, closed_thought, read
from rearank_cli.ranking.compose import ChatComposer
from rearank_cli.ranking.prompts import load
from rearank_cli.records import Completion, Hit, Outcome, Prompt, Query, Sampling

SAMPLING = Sampling(max_tokens=10)


def answered(prompt: Prompt, text: str, finish: str = "stop") -> Answer:
    completion = Completion(text, "length" if finish == "length" else "stop")
    return Answer(prompt, completion, read(prompt, completion))


def test_a_pattern_takes_what_it_should_and_nothing_else() -> None:
    bare, thought = answer_pattern(3, think=False), answer_pattern(3, think=True)
    assert re.fullmatch(bare, "[3] > [1] > [2]")
    assert re.fullmatch(thought, "<think>[1] is off</think>\n<answer>[3] > [1] > [2]</answer>")
    for wrong in ("[3] > [1]", "[4] > [1] > [2]", "[3], [1], [2]", "<answer>[3] > [1] > [2]</answer>"):
        assert not re.fullmatch(bare, wrong)


def test_the_pattern_fits_the_window_and_reaches_every_sample() -> None:
    prompt = Prompt("q", ("a", "b", "c"), "0")
    asking = ask(prompt, Policy(SAMPLING, repairs=1, constrain=lambda n: f"{n} passages"))
    first = next(asking)
    assert first.sampling == replace(SAMPLING, pattern="3 passages")
    second = asking.send(answered(first, "", "length"))
    assert second.sampling is not None
    assert (second.sampling.pattern, second.sampling.temperature, second.sample) == ("3 passages", 0.7, 1)


def test_a_forced_chat_asks_in_another_turn_and_reads_both_together() -> None:
    compose = ChatComposer(load("rearank"))
    prompt = compose(Query("q", "why"), [Hit("a", 2.0, "one"), Hit("b", 1.0, "two")])
    asking = ask(prompt, Policy(SAMPLING, force=compose.forced))
    forced = asking.send(answered(next(asking), "<think>[1] is off topic", "length"))
    assert [message.role for message in forced.messages[-2:]] == ["assistant", "user"]
    assert "<answer>" in forced.messages[-1].content
    assert forced.digest != prompt.digest
    with pytest.raises(StopIteration) as stop:
        asking.send(answered(forced, "<answer>[2] > [1]</answer>"))
    assert stop.value.value.order == (1, 0)
    assert stop.value.value.outcome is Outcome.CLEAN


def test_a_thought_is_closed_only_where_it_is_open() -> None:
    assert closed_thought("<think>a</think>") == "<think>a</think>\n<answer>"
    assert closed_thought("plain") == "plain\n</think>\n<answer>"
    assert closed_thought("<think>a</think><answer>[1] >") == "<think>a</think><answer>[1] >"
