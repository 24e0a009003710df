"""Where reasoning begins and ends: quoted marks, answers inside it, and prompts that open it."""

import pytest

from rearank_cli.reasoning import (
    MARKS,
    answer_end,
    closing_mark,
    opened_by,
    outside_reasoning,
    until_answer,
)

ANSWER = "<answer>[2]</answer>"


@pytest.mark.parametrize(
    ("text", "nested", "after"),
    [
        ("<think>a <think>b</think>[2]", False, ("[2]", False)),  # the last closing mark closes everything
        ("<think>a <think>b</think>[2]", True, ("", True)),
        ("<think>a <think>b</think></think>[2]", True, ("[2]", False)),
        ("a</think>[1]</think>[2]", True, ("[2]", False)),
        ("[2]<think>[1]", False, ("[2]", True)),
        ("[2]<think>[1]<think>", True, ("[2]", True)),
        ("<think>a</think>[2]<think>[1]", False, ("[2]", True)),
        ("<think>a</think>[2]<think>[1]", True, ("[2]", True)),
        ("</think>", False, ("", False)),
    ],
)
def test_what_follows_the_reasoning_is_what_is_left_of_a_completion(
    text: str, nested: bool, after: tuple[str, bool]
) -> None:
    assert outside_reasoning(text, nested=nested) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        (" \n", " and so on"),
        ("<think>so</think>", ""),
        ("<think>so</think>\n", "</answer>"),
        (f"<think>as {ANSWER} says</think>", ""),
        ("<think>as <think></think> says</think>", ""),
        ("so</think>", f"<think>{ANSWER}"),
        ("<THINK>so</THINK>", ""),
    ],
)
def test_an_answer_that_begins_a_completion_or_follows_the_reasoning_ends_it(before: str, after: str) -> None:
    text = before + ANSWER + after
    assert answer_end(text) == len(before + ANSWER)
    assert until_answer(text) == (before + ANSWER, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<answer>[2]",
        "[2]</answer>",
        f"so: {ANSWER}",
        f"<think>{ANSWER}",
        f"<think>so</think>then {ANSWER}",
        f"<think>as <think></think>{ANSWER}",
        f"<think>as <think> and <think></think>{ANSWER}",
        f"<THINK>as <THINK></THINK>{ANSWER}",
    ],
)
def test_an_answer_that_may_be_a_quotation_ends_nothing(text: str) -> None:
    assert answer_end(text) is None
    assert until_answer(text) == (text, False)


def test_an_answer_that_ended_in_what_came_before_leaves_nothing_to_write() -> None:
    assert until_answer("more", ANSWER) == ("", True)


@pytest.mark.parametrize(("opening", "closing"), MARKS)
def test_a_prompt_that_opens_reasoning_is_known_by_its_end(opening: str, closing: str) -> None:
    assert opened_by(f"Rank them.{opening}\n") == f"{opening}\n"
    assert opened_by(f"Rank them.{opening}\n{closing}\n") == ""


def test_the_mark_that_closes_is_that_of_the_reasoning_opened_last() -> None:
    assert closing_mark("[THINK]a[/THINK] and [THINK]b") == "[/THINK]"
    assert closing_mark("<think>a</think> and [think]b") == "[/THINK]"
    assert closing_mark("[2]</answer>") == "</think>"
