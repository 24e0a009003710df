"""Where a completion's reasoning begins and ends: the marks that models use, in one table.

Shared by the engines, which may end a completion at its answer only outside the reasoning, and by the parser.
"""

import re
from itertools import groupby

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
    ("<thought_process>", "</thought_process>"),
    ("<chain_of_thought>", "</chain_of_thought>"),
    ("<internal_monologue>", "</internal_monologue>"),
    ("<cot>", "</cot>"),
    ("<longcat_think>", "</longcat_think>"),  # LongCat-Flash-Thinking
    ("<mm:think>", "</mm:think>"),
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker, Sky-T1
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A Reasoning
    ("<|thinking|>", "<|/thinking|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ("◁think▷", "◁/think▷"),  # Kimi-VL-Thinking
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),  # gpt-oss
    ("<|channel|>analysis<|message|>", "<|channel|>final <|constrain|>json<|message|>"),
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("Here is my thought process:", "Here is my response:"),  # Granite 3
)
"""What opens and what closes the reasoning, in lower, upper or title case."""

ANSWER = "<answer>"
ANSWER_END = "</answer>"

_OPENS = frozenset(opening.lower() for opening, _ in MARKS)
# Spelled out: a pattern that ignores case finds its next match ten times as slowly. Marks with the same first
# character stand in one branch, since a completion has many a "[" and "h" that begins none.
_SPELLED = sorted(
    {case(m) for pair in MARKS for m in pair for case in (str, str.lower, str.upper, str.title)}
)
_MARK = re.compile(
    "|".join(
        f"{re.escape(first)}(?:{'|'.join(re.escape(mark[1:]) for mark in marks)})"
        for first, marks in groupby(_SPELLED, key=lambda mark: mark[0])
    )
)
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
            depth += 1
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
    last = text.rfind(ANSWER_END)
    depth, starts = 0, [0]
    for mark in _MARK.finditer(text, 0, last):
        depth = depth + 1 if mark[0].lower() in _OPENS else max(0, depth - 1)
        if not depth:
            starts.append(mark.end())
    ends = (_WHOLE_ANSWER.match(text, start) for start in starts)
    return next((whole.end() for whole in ends if whole), None)


def until_answer(written: str, before: str = "") -> tuple[str, bool]:
    """Return what was written up to the end of its answer, and whether the answer is there.

    `before` is the text that the model went on from: reasoning that the prompt opened or that was given back.

    >>> until_answer("so</think><answer>[2]</answer> and more", "<think>")
    ('so</think><answer>[2]</answer>', True)
    >>> until_answer("as <answer>[2]</answer> and more", "<think>")
    ('as <answer>[2]</answer> and more', False)
    """
    end = answer_end(before + written)
    return (written, False) if end is None else (written[: max(0, end - len(before))], True)


def as_quotation(text: str) -> str:
    """Return reasoning in which no mark opens or closes any more, for a text that is known to be reasoning.

    >>> as_quotation("they want <think></think>")
    'they want < think>< /think>'
    """
    return _MARK.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", text)


def opened_by(prompt: str) -> str:
    r"""Return the end of a rendered prompt that leaves reasoning open, "" if none does.

    >>> opened_by("<|im_start|>assistant\n<think>\n"), opened_by("<think>\n\n</think>\n\n")
    ('<think>\n', '')
    """
    ending = prompt.rstrip().lower()
    length = next((len(opening) for opening, _ in MARKS if ending.endswith(opening.lower())), 0)
    return prompt[len(ending) - length :] if length else ""


def closing_mark(text: str) -> str:
    """Return the mark that closes the reasoning which a text opened last, `</think>` if it opened none.

    >>> closing_mark("[THINK]so"), closing_mark("so")
    ('[/THINK]', '</think>')
    """
    opened = [mark[0].lower() for mark in _MARK.finditer(text) if mark[0].lower() in _OPENS][-1:]
    return next((closing for opening, closing in MARKS if [opening.lower()] == opened), MARKS[0][1])
