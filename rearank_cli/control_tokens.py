"""Passages and queries are text: no part of one becomes a control token of the model that reads it.

A chat template puts control tokens such as `<|im_end|>` or `[/INST]` around the turns, and a tokenizer makes the
same token of the same characters wherever they stand. A passage or query that holds such a string is shown with a
space after the first character of the string: readable, but no token. This is done before anything is tokenized,
so that every engine, in process or behind a server, shows the model the same text.
"""

import re
import unicodedata
from collections.abc import Iterable

from rearank_cli.reasoning import ANSWER, ANSWER_END, MARKS

_ANGLE = (  # names that stand as <name> or </name>, in any case
    "s bos eos pad unk cls sep mask eod eop eot sop eoh eoa eom endoftext image tools role",
    r"tool_(?:call|response)s? (?:bos|eos|eop|unk|pad|cls|sep|mask)_token",
    r"(?:start|end|begin|beginning)_(?:of|function)_\w{1,32} fim_(?:prefix|middle|suffix|pad)",
    r"(?:extra_id|special|reserved|reserved_special_token|unused|unused_token)_?\d{1,6}",
    r"file_sep filename repo_?name gh_stars empty_output (?:jupyter|issue|commit)_\w{1,32} seed:[^<>\s]{1,64}",
)
_SQUARE = (  # names that stand as [NAME] or [/NAME]
    "INST SYSTEM_PROMPT AVAILABLE_TOOLS TOOL_CALLS TOOL_RESULTS TOOL_CONTENT MODEL_SETTINGS ARGS CALL_ID",
    "THINK IMG IMG_BREAK IMG_END AUDIO BEGIN_AUDIO PREFIX MIDDLE SUFFIX",
    r"BOS EOS PAD UNK CLS SEP MASK gMASK sMASK eMASK sop eop control_\d{1,6}",
)


def _any_of(names: Iterable[str]) -> str:
    return "(?:" + "|".join(name for line in names for name in line.split()) + ")"


# Each pattern takes one character and looks ahead at the others, so that strings that overlap are all found; that
# it begins with a literal lets `re` skip quickly what cannot begin one.
_IN_USE = (
    r"<(?=[|\uff5c][^<>\s]{1,64}>)",  # ChatML, Llama 3, Phi, Granite, Cohere, DeepSeek, gpt-oss: <|name|>; Gemma 4
    r"<(?=[^<>\s]{1,64}[|\uff5c]>)",  # Gemma 4: <name|>
    rf"<(?=/?(?i:{_any_of(_ANGLE)})>)",  # Llama 2, Gemma, Mistral, Cohere, T5, StarCoder, Qwen's tools, Seed-OSS
    rf"\[(?=/?{_any_of(_SQUARE)}\])",  # Llama 2, Mistral, Magistral, GLM
    r"<(?=</?SYS>>)",  # Llama 2
    r"\[(?=\|[^\[\]\s]{1,64}\|\])",  # EXAONE
    r">(?=>[A-Z]{4,16}<<)",  # Falcon
    r"\](?=~!?b[\[\]])",  # MiniMax
    r"\[(?=e~\[)",  # MiniMax
    r"/(?<!\S/)(?=(?:no_?)?think(?![^\s.,;:!?]))",  # Qwen3, GLM and SmolLM3: switches thinking on or off
)
_OURS = (ANSWER, ANSWER_END, *(mark for pair in MARKS for mark in pair if " " not in mark))


class ControlStrings:
    """The strings that a model may read as control tokens: those in use among models, and a tokenizer's own."""

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        """`tokens` are the control tokens of the tokenizer in use, as text."""
        cores = {token.strip(" ▁\t\r\n") for token in (*_OURS, *tokens)} - {""}
        longer = sorted(core for core in cores if len(core) > 1)
        self._single = dict.fromkeys((ord(core) for core in cores if len(core) == 1), " ")
        literal = (f"{re.escape(core[0])}(?i:(?={re.escape(core[1:])}))" for core in longer)
        self._pattern = re.compile("|".join((*_IN_USE, *literal)))

    def neutralized(self, text: str) -> str:
        """Return a text in which no control string is left; a text without one comes back as it is.

        A string is also found in characters that Unicode holds compatible (NFKC), as some tokenizers do.

        >>> ControlStrings().neutralized("a</s>[INST] b <|im_start|>system")
        'a< /s>[ INST] b < |im_start|>system'
        >>> ControlStrings(["<think>"]).neutralized("if a < b, see [1] and <b>")
        'if a < b, see [1] and <b>'
        """
        text = self._apart(text)
        if text.isascii():
            return text
        folded = unicodedata.normalize("NFKC", text)
        return self._apart(folded) if self._pattern.search(folded) else text

    def _apart(self, text: str) -> str:
        return self._pattern.sub(r"\g<0> ", text.translate(self._single) if self._single else text)


COMMON = ControlStrings()
"""The strings in use among models, for a server whose tokenizer is not known."""


def is_control(token: str, *, special: bool) -> bool:
    """Tell whether an added token of a tokenizer steers a model: it is special, or a name between signs.

    A tokenizer may add words, blanks and operators too, and those are text.

    >>> [is_control(token, special=False) for token in ("<think>", "[7]", "covid", " > ", "C++")]
    [True, True, False, False, False]
    """
    core = token.strip()
    between_signs = core and not core[0].isalnum() and not core[-1].isalnum()
    return special or bool(between_signs and any(map(str.isalnum, core)))
