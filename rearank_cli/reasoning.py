"""Where a completion's reasoning begins and ends: the marks that models use, in one table.

Shared by the engines, which may end a completion at its answer only outside the reasoning, and by the parser.
"""

import re

MARKS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),  # Qwen3, DeepSeek-R1, GLM, Phi-4-reasoning and most others; REARANK
    ("<thinking>", "</thinking>"),  # ReasonRank's data
    ("<thought>", "</thought>"),  # EXAONE Deep, Gemini
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<analysis>", "</analysis>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),  # Seed-OSS
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker, Sky-T1
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A Reasoning
    ("<|thinking|>", "<|/thinking|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ("◁think▷", "◁/think▷"),  # Kimi-VL-Thinking
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),  # gpt-oss
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("Here is my thought process:", "Here is my response:"),  # Granite 3
)
"""What opens and what closes the reasoning; upper and lower case are the same."""

ANSWER = "<answer>"
ANSWER_END = "</answer>"

_OPENS = frozenset(opening.lower() for opening, _ in MARKS)
_MARK = re.compile("|".join(re.escape(mark) for pair in MARKS for mark in pair), re.IGNORECASE)
_WHOLE_ANSWER = re.compile(r"\s*<answer>.*?</answer>", re.DOTALL)


def outside_reasoning(text: str, *, nested: bool = False) -> tuple[str, bool]:
    """Return the part of a completion after its reasoning, and whether reasoning is open at its end.

    If it is open, the part that is returned stops where it was opened. With `nested`, a mark that is opened
    twice is closed by the second closing mark: a model that quotes `<think></think>` while it thinks is
    still thinking. Without it, the last closing mark closes everything.

    >>> outside_reasoning("<think>[1] is off topic</think>[2] > [1]")
    ('[2] > [1]', False)
    >>> outside_reasoning("[2] > [1]"), outside_reasoning("the template opened it</think>[2]")
    (('[2] > [1]', False), ('[2]', False))
    >>> outside_reasoning("<think>in <think></think> I", nested=True)
    ('', True)
    """
    start = opened_at = depth = 0
    for mark in _MARK.finditer(text):
        if mark[0].lower() in _OPENS:
            opened_at = opened_at if depth else mark.start()
            depth = depth + 1 if nested else 1
        else:
            depth = max(0, depth - 1) if nested else 0
            start = start if depth else mark.end()
    return (text[start:opened_at], True) if depth else (text[start:], False)


def answer_end(text: str) -> int | None:
    """Return where the first answer outside the reasoning ends, None if there is none yet.

    The answer must begin the completion or follow a closing mark at once: only white space may stand between
    them. An answer that follows other words may be a quotation, and is left to the model to end.

    >>> answer_end("<think>as <answer>[2]</answer> shows"), answer_end("so: <answer>[2]</answer>")
    (None, None)
    >>> text = "<think>so</think> <answer>[2]</answer> and more"
    >>> text[: answer_end(text)]
    '<think>so</think> <answer>[2]</answer>'
    """
    depth, starts = 0, [0]
    for mark in _MARK.finditer(text):
        depth = depth + 1 if mark[0].lower() in _OPENS else max(0, depth - 1)
        if not depth:
            starts.append(mark.end())
    ends = (_WHOLE_ANSWER.match(text, start) for start in starts)
    return next((whole.end() for whole in ends if whole), None)


def opened_by(prompt: str) -> str:
    """Return the mark with which a rendered prompt leaves reasoning open, "" if it does not.

    >>> opened_by("<|im_start|>assistant\\n<think>\\n"), opened_by("<think>\\n\\n</think>\\n\\n")
    ('<think>', '')
    """
    ending = prompt.rstrip().lower()
    return next((opening for opening, _ in MARKS if ending.endswith(opening.lower())), "")
