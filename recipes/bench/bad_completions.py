"""Completions as no prompt asked for them, of every kind seen or feared; drawn from a `random.Random`."""

import random
from collections.abc import Callable

OPENING = ("<think>", "<thinking>", "<answer>")
CLOSING = ("</think>", "</thinking>", "</answer>")
PROSE = (
    "The second passage is about rivers, so it comes before the first one, which is about 19th century law. "
)
OTHER_DIGITS = "٠١٢٣٤٥٦٧٨٩०१२३४५६७८९０１２３４５６７８９²³①②Ⅷ一二三"


def _order(drawn: random.Random, n: int, separator: str = " > ") -> str:
    return separator.join(f"[{number}]" for number in drawn.sample(range(1, n + 1), n))


def unclosed(drawn: random.Random, n: int) -> str:
    """A tag that is opened and never closed."""
    return (
        f"{drawn.choice(OPENING)} passage [{drawn.randint(0, n)}] {_order(drawn, n)[: drawn.randint(0, 99)]}"
    )


def nested(drawn: random.Random, n: int) -> str:
    """Tags in tags, in any order."""
    parts = [*drawn.choices(OPENING + CLOSING, k=drawn.randint(2, 12)), _order(drawn, n), f"[{n}]"]
    drawn.shuffle(parts)
    return "".join(parts)


def two_answers(drawn: random.Random, n: int) -> str:
    """Two answers that contradict each other."""
    return f"<answer>{_order(drawn, n)}</answer> or rather <answer>{_order(drawn, n)}</answer>"


def only_reasoning(drawn: random.Random, n: int) -> str:
    """Numbers in the reasoning only."""
    return (
        f"<think>{_order(drawn, n)}, says the query</think>{drawn.choice(['', ' I cannot say.', '<answer>'])}"
    )


def long(drawn: random.Random, n: int) -> str:
    """About 10^6 characters."""
    piece = drawn.choice(
        [_order(drawn, n) + " ", PROSE, "<think>", "<answer>", "</answer>[2]", "\n", "[", "9 "]
    )
    return piece * (1_000_000 // len(piece))


def other_digits(drawn: random.Random, n: int) -> str:
    """Digits of other scripts."""
    return (
        "<answer>"
        + " > ".join(f"[{''.join(drawn.choices(OTHER_DIGITS, k=2))}]" for _ in range(n))
        + "</answer>"
    )


def endless_digits(drawn: random.Random, n: int) -> str:
    """A number without end."""
    return f"<answer>[{n}] > [" + drawn.choice("0123456789") * drawn.randint(7, 9999)


def nul(drawn: random.Random, n: int) -> str:
    """NUL bytes anywhere."""
    return "\0".join(_order(drawn, n).split(" ")) + "\0"


def surrogates(drawn: random.Random, n: int) -> str:
    """Lone surrogates."""
    return f"<answer>{_order(drawn, n, chr(drawn.randint(0xD800, 0xDFFF)))}</answer>"


def no_spaces(drawn: random.Random, n: int) -> str:
    """Numbers run together."""
    separator = drawn.choice(["", ">", ",", "]["])
    return "<answer>" + separator.join(map(str, drawn.sample(range(1, n + 1), n))) + "</answer>"


def another_window(drawn: random.Random, n: int) -> str:
    """Ids that are not of this window."""
    return "<answer>" + " > ".join(f"[{drawn.randint(n + 1, 10 * n + 9)}]" for _ in range(n)) + "</answer>"


def prose(drawn: random.Random, n: int) -> str:
    """Words instead of an order."""
    return PROSE * drawn.randint(1, 5) + f"Of {n} passages none is relevant."


def nothing(drawn: random.Random, n: int) -> str:
    """No text, or only white space."""
    return drawn.choice(["", " ", "\n\n", "\t"])


def damaged(drawn: random.Random, n: int) -> str:
    """A good answer with pieces cut out, doubled and put elsewhere."""
    text = f"<think>[1] against [2]</think><answer>{_order(drawn, n)}</answer>"
    for _ in range(drawn.randint(1, 4)):
        start, stop = sorted(drawn.choices(range(len(text) + 1), k=2))
        text = drawn.choice(
            [text[:start] + text[stop:], text[start:] + text[:stop], text[:stop] + text[start:]]
        )
    return text


SHORT: tuple[Callable[[random.Random, int], str], ...] = (
    unclosed, nested, two_answers, only_reasoning, other_digits, endless_digits, nul, surrogates, no_spaces,
    another_window, prose, nothing, damaged,
)  # fmt: skip
KINDS = (*SHORT, long)
