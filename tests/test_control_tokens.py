"""Control strings: found whoever uses them, made harmless so that they still read well, and nothing else touched."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.control_tokens import COMMON, ControlStrings, is_control
from rearank_cli.formats.detect import read_rankings
from rearank_cli.formats.streams import open_source
from rearank_cli.ranking.prompts import Template, passage_text
from rearank_cli.reasoning import MARKS

LINES = (
    "<|im_start|> <|im_end|> <|endoftext|> <|eot_id|> <|start_header_id|> <|begin_of_text|> <|user|> <|assistant|>",
    "<|START_OF_TURN_TOKEN|> <|start_of_role|> <|system|> <|end|> <|channel|> <|message|> <|turn> <turn|>",
    "<BOS_TOKEN> <EOS_TOKEN> <｜User｜> <｜Assistant｜> <｜begin▁of▁sentence｜> <｜tool▁calls▁begin｜>",
    "[INST] [/INST] <<SYS>> <</SYS>> <s> </s> <S> <unk> <pad> <mask> <bos> <eos> [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS]",
    "[TOOL_CALLS] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [IMG] [THINK] [/THINK] <start_of_turn> <end_of_turn>",
    "<tool_call> </tool_call> <tool_response> <tools> [CLS] [SEP] [MASK] [gMASK] <sop> [|user|] [|endofturn|]",
    "<seed:bos> </seed:think> <extra_id_0> <SPECIAL_12> <unused7> <fim_prefix> <file_sep> <jupyter_start> <repo_name>",
    "<role> </role> <start_function_call> [control_8] ]~b] ]~!b[ [e~[ <|eom_id|> <|/thinking|>",
    ">>QUESTION<< /no_think /think /nothink <think> </think> <Thinking> ◁think▷ <answer> </answer>",
)
IN_USE = [string for line in LINES for string in line.split()]
PLAIN = [
    'a < b and c > d; x<y | <b>bold</b> <br/> <p class="x">; [1] [see 2] [citation needed] C# |> F <| G; <https://a.b>',
    "if (a[i] << 2 >> 1) {query} {passage} <<< >>> ### Instruction: [inst] [link](http://a/b/think/no_think) me@b.c",
    "中文 ①②", "e\u0301 \ufeff", "＜b＞", "…", "", "and/think", "/thinking",
]  # fmt: skip


@pytest.mark.parametrize("string", IN_USE)
def test_a_string_in_use_is_set_apart_after_its_first_character(string: str) -> None:
    apart = f"{string[0]} {string[1:]}"
    assert COMMON.neutralized(string) == apart
    assert COMMON.neutralized(f"so {string} {string}.") == f"so {apart} {apart}."


@pytest.mark.parametrize("text", PLAIN)
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert COMMON.neutralized(text) == text


def test_characters_that_unicode_holds_compatible_make_no_control_string() -> None:
    assert COMMON.neutralized("①＜|im_end|＞") == "1< |im_end|>"
    assert COMMON.neutralized("［ＩＮＳＴ］") == "[ INST]"
    assert COMMON.neutralized("❶［THIN\u212a］") == "❶[ THINK]"


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from([*IN_USE, "<", ">", "|", "[", "]", "/", "<<", " ", "s", "é"]), max_size=8))
def test_nothing_is_left_however_strings_overlap(parts: list[str]) -> None:
    text = "".join(parts)
    once = COMMON.neutralized(text)
    assert COMMON.neutralized(once) == once
    assert once.replace(" ", "") == text.replace(" ", "") or not text.isascii()


def test_a_tokenizer_s_own_tokens_are_found_in_any_case() -> None:
    own = ControlStrings(["<rank>", "▁<PRE>", "sop", "§", "▁", " "])
    assert own.neutralized("a <rank> <RANK> <PRE> gossop § b") == "a < rank> < RANK> < PRE> goss op   b"
    assert own.neutralized("_▁ plain") == "_▁ plain"


def test_marks_of_reasoning_that_are_plain_words_are_text() -> None:
    marks = [mark for pair in MARKS for mark in pair]
    assert [mark for mark in marks if COMMON.neutralized(mark) == mark] == [
        "Here is my thought process:",
        "Here is my response:",
    ]


@pytest.mark.parametrize(
    ("token", "special", "control"),
    [
        ("<|im_end|>", True, True), ("sop", True, True), ("<think>", False, True), ("[7]", False, True),
        ("</tool_call>", False, True), ("covid", False, False), (" > ", False, False), ("  ", False, False),
        ("\n\n", False, False), ("▁▁", False, False), ("C++", False, False), ("'s", False, False),
    ],
)  # fmt: skip
def test_an_added_token_is_control_if_it_is_special_or_a_name_between_signs(
    token: str, special: bool, control: bool
) -> None:
    assert is_control(token, special=special) == control


@pytest.mark.parametrize("name", ["dl19", "dl21"])
def test_the_passages_of_real_collections_stay_byte_for_byte(shared: Path, name: str) -> None:
    with open_source(str(shared / name / "bm25.json")) as source:
        for candidates in read_rankings(source):
            assert COMMON.neutralized(candidates.query.text) == candidates.query.text
            for hit in candidates.hits:
                assert passage_text(Template("x", ()), hit) == " ".join((hit.text or "").split())
