"""The parser against a second reading: random answers whose parts say what they mean.

    python recipes/bench/parser.py                   # 200,000 answers
    python recipes/bench/parser.py --count 2000 --seed 7

An answer is drawn as parts: marks of reasoning, tags, lists of passages in the ways models write them, and words
with numbers that name no passage. The second reading sees the parts, never the text, and follows the rule in
the docstring of rearank_cli/ranking/permutation.py; the parser sees the text alone. Both must give the same
order and the same outcome. Prints how many did, by outcome, and the first that did not; the status is 1 then.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from claims import Claims

from rearank_cli.ranking.permutation import parse
from rearank_cli.reasoning import MARKS
from rearank_cli.records import Outcome, Permutation


@dataclass(frozen=True)
class Part:
    """A piece of an answer: its text and what it means.

    `kind` is "open", "close", "<answer>", "</answer>" or "words"; of words, `ids` are the numbers that name
    passages, as written, `style` is "order", "brackets" or "bare", `alone` says that there is nothing but ids and
    scores, and `counts` are numbers that count passages.
    """

    kind: str
    text: str
    ids: tuple[int, ...] = ()
    style: str = ""
    alone: bool = False
    counts: tuple[int, ...] = ()


def order(drawn: random.Random, ids: Sequence[int]) -> Part:
    """An order with arrows."""
    name, arrow = drawn.choice(["[{}]", "{}", "[#{}]"]), drawn.choice([" > ", ">", " → ", " &gt; ", "\n> "])
    lead = drawn.choice(["", "", "Final ranking: ", "So:\n", "Order of relevance:\n"]) if len(ids) > 1 else ""
    style = "order" if len(ids) > 1 else "bare" if name == "{}" else "brackets"
    return Part("words", lead + arrow.join(map(name.format, ids)), tuple(ids), style, alone=not lead)


def brackets(drawn: random.Random, ids: Sequence[int]) -> Part:
    """Numbers in brackets, in the ways of lists and prose."""
    numbered = [f"[{number}]" for number in ids]
    text = drawn.choice(
        [
            lambda: ", ".join(numbered),
            lambda: "Ranking:\n" + "\n".join(numbered),
            lambda: "Final ranking: " + " ".join(numbered),
            lambda: "Most relevant: " + ", then ".join(numbered),
            lambda: "I rank " + " before ".join(numbered),
            lambda: "Probably " + " and ".join(numbered),
            lambda: "\n".join(f"{number} fits the query" for number in numbered),
            lambda: " and ".join(f"passage {number}" for number in numbered),
            lambda: (
                f'{{"ranking": [{", ".join(map(str, ids))}], "scores": [{", ".join(map(str, ids[::-1]))}]}}'
            ),
            lambda: ", ".join(f"{number} (0.{9 - place % 9})" for place, number in enumerate(numbered)),
            lambda: "\n".join(f"{number} ({99 - place})" for place, number in enumerate(numbered)),
            lambda: "\n".join(f"{number}: {99 - place}" for place, number in enumerate(numbered)),
            lambda: "\n".join(f"{number} - score: {99 - place}" for place, number in enumerate(numbered)),
        ]
    )()
    alone = text.startswith("[") and "fits" not in text and " and " not in text
    return Part("words", text, tuple(ids), "brackets", alone=alone)


def bare(drawn: random.Random, ids: Sequence[int]) -> Part:
    """Numbers without brackets, each once."""
    ids = tuple(dict.fromkeys(ids))
    text = drawn.choice(
        [
            lambda: ", ".join(map(str, ids)),
            lambda: "Ranking: " + ", ".join([*map(str, ids), "1234567"]),
            lambda: "Ranking:\n" + "\n".join([*map(str, ids), "1234567"]),
            lambda: " and ".join(f"passage {number}" for number in ids),
            lambda: "; ".join(f"passage {number} ({99 - place} %)" for place, number in enumerate(ids)),
            lambda: "; ".join(f"passage {number}: {99 - place}/12" for place, number in enumerate(ids, 11)),
            lambda: (
                "[" + ", ".join(f'{{"rank": {p}, "id": {number}}}' for p, number in enumerate(ids, 1)) + "]"
            ),
            lambda: ", ".join(f"{number} (0.{99 - place})" for place, number in enumerate(ids)),
            lambda: "\n".join(f"Rank {place}: passage {number}" for place, number in enumerate(ids, 1)),
        ]
    )()
    return Part("words", text, tuple(ids), "bare", alone=text[:1].isdigit())


def numbered_lines(drawn: random.Random, ids: Sequence[int]) -> Part:
    """A list whose lines are numbered; it stands at most once in an answer, and names each passage once."""
    ids = tuple(dict.fromkeys(ids))
    line, style = drawn.choice(
        [
            ("{}. [{}]", "brackets"),
            ("{}) {}", "bare"),
            ("({}) [{}]", "brackets"),
            ("**{}.** passage {}", "bare"),
        ]
    )
    return Part("words", "\n" + "\n".join(line.format(*row) for row in enumerate(ids, 1)), ids, style)


def unnamed(drawn: random.Random, n: int) -> Part:
    """Words with numbers that name no passage."""
    number = drawn.randint(1, n)
    text, counts = drawn.choice(
        [
            (f"a share of 0.{number}", ()), (f"about {number} %", ()), (f"rated {number}/{n}", ()),
            (f"it comes {number}th", ()), (f"with a score of {number}", ()), (f"relevance: {number}", ()),
            (f"the rank is {number}", ()), (f"of the {number} passages", (number,)),
            (f"the best {number}", (number,)), ("no idea", ()), (f"since {'7' * drawn.randint(7, 99)}", ()),
        ]
    )  # fmt: skip
    return Part("words", text, counts=counts)


LISTS: tuple[Callable[[random.Random, Sequence[int]], Part], ...] = (order, order, brackets, bare)


def passages(drawn: random.Random, n: int) -> list[int]:
    """Draw the numbers of a list: all passages, some of them, or some with repeats and strangers among them."""
    if drawn.random() < 0.4:
        return drawn.sample(range(1, n + 1), n)
    if drawn.random() < 0.5:
        return drawn.sample(range(1, n + 1), drawn.randint(1, n))
    return [drawn.randint(1, n + 3) for _ in range(drawn.randint(1, n + 2))]


def answer(drawn: random.Random, n: int) -> list[Part]:
    """Draw an answer: reasoning and tags mostly as they should be, sometimes anyhow."""
    opening, closing = (drawn.choice([str, str.upper, str.title])(mark) for mark in drawn.choice(MARKS))
    marks = [
        Part("open", opening), Part("close", closing), Part("<answer>", "<answer>"), Part("</answer>", "</answer>")
    ]  # fmt: skip
    lines_at = drawn.randint(0, 9)
    parts = []
    shapes = [
        "w",
        "awb",
        "owcw",
        "owcawb",
        "wcawb",
        "owcawbw",
        "ow",
        "owawb",
        "awb awb",
        "owcaw",
        "awbw",
        "wcw",
    ]
    shape = drawn.choice(shapes)
    if drawn.random() < 0.3:
        shape = "".join(drawn.choices("ocabw", k=drawn.randint(1, 9)))
    listed = False  # of several lists in a row the tests say which one counts
    for letter in shape.replace(" ", ""):
        if letter != "w":
            parts.append(marks["ocab".index(letter)])
            listed = listed and letter == "b"
            continue
        kind = numbered_lines if len(parts) == lines_at else drawn.choice(LISTS)
        for _ in range(drawn.choice([1, 1, 1, 2, 3])):
            if listed or drawn.random() < 0.2:
                parts.append(unnamed(drawn, n))
            else:
                parts.append(kind(drawn, passages(drawn, n)))
                listed = True
    return parts


def written(parts: Sequence[Part]) -> str:
    """Return the text of an answer; words keep apart what stands beside them."""
    return "".join(part.text + ("\nso it is.\nThen " if part.kind == "words" else "") for part in parts)


def after_reasoning(parts: Sequence[Part], *, cut: bool) -> tuple[Sequence[Part], bool]:
    """Rule 1: what follows the reasoning up to where it is open again, and whether it is.

    If the completion was cut off, each mark that opens must be closed by one of its own.
    """
    marks = [(place, part.kind) for place, part in enumerate(parts) if part.kind in ("open", "close")]
    closes = [place for place, kind in marks if kind == "close"]
    for place, kind in marks:
        later = [+1 if other == "open" else -1 for where, other in marks if where >= place]
        if kind == "open" and (min(accumulate(later)) > 0 if cut else not any(c > place for c in closes)):
            before = [where for where in closes if where < place]
            return parts[before[-1] + 1 if before else 0 : place], True
    return parts[closes[-1] + 1 if closes else 0 :], False


def whole_answer(parts: Sequence[Part]) -> int | None:
    """Rule 3: where the first answer ends that begins the completion or follows the reasoning at once."""
    ends = [place for place, part in enumerate(parts) if part.kind == "</answer>"]
    depth = 0
    for place in range(-1, len(parts)):
        kind = parts[place].kind if place >= 0 else "begin"
        depth = depth + 1 if kind == "open" else max(0, depth - 1) if kind == "close" else depth
        later = [end for end in ends if end > place + 1]
        if depth == 0 and kind in ("begin", "close") and later and parts[place + 1].kind == "<answer>":
            return later[0]
    return None


def ids_of(parts: Sequence[Part], n: int) -> list[int]:
    """Rules 4 and 5: the numbers that count."""
    orders = [part.ids for part in parts if part.style == "order"]
    best = max(reversed(orders), key=lambda ids: len(set(ids) & {*range(1, n + 1)}), default=())
    if best and 2 * len(set(best) & {*range(1, n + 1)}) >= n:
        return list(best)
    in_brackets = [
        number
        for part in parts
        for number in part.ids
        if part.style == "brackets" or (part.style == "order" and "[" in part.text)
    ]
    counting = in_brackets == [*range(1, len(in_brackets) + 1)]
    if len({*in_brackets} & {*range(1, n + 1)}) > 1 and not counting:
        return in_brackets
    named = [number for part in parts for number in part.ids]
    return named or [number for part in parts for number in part.counts]


def second_reading(parts: Sequence[Part], n: int, *, cut: bool) -> Permutation:
    """Follow the rule over the parts of an answer."""
    end = whole_answer(parts) if cut else None
    if end is not None:
        parts, cut = parts[: end + 1], False
    text, thinking = after_reasoning(parts, cut=cut)
    kinds = [part.kind for part in text]
    ends = [place for place, kind in enumerate(kinds) if kind == "</answer>"]
    begins = [place for place, kind in enumerate(kinds) if kind == "<answer>"]
    closed = [place for place in begins if ends and place < ends[-1]]
    broken = False
    if closed and not cut:
        text = text[closed[-1] + 1 : next(place for place in ends if place > closed[-1])]
    elif begins and not closed:
        text, broken = text[begins[-1] + 1 :], True
    elif thinking or closed:
        text, broken = (), True
    elif cut:
        text = [part for part in text[:1] if part.alone and len(part.ids) > 1]
        broken = not {*range(1, n + 1)} <= {number for part in text for number in part.ids}
    numbers = ids_of(text, n)
    named = [number for number in dict.fromkeys(numbers) if 1 <= number <= n]
    order_of = (*named, *(number for number in range(1, n + 1) if number not in named))
    clean = len(numbers) == len(named) == n
    outcome = (
        Outcome.TRUNCATED if broken
        else Outcome.EMPTY if not named
        else Outcome.PARTIAL if 2 * len(named) < n
        else Outcome.CLEAN if clean
        else Outcome.REPAIRED
    )  # fmt: skip
    return Permutation(tuple(number - 1 for number in order_of), outcome)


def compare(claims: Claims, count: int, seed: int, shown: int = 5) -> None:
    """Claim that both readings agree on `count` random answers; print the first few on which they do not."""
    drawn, outcomes, apart = random.Random(seed), Counter[str](), 0
    for _ in range(count):
        n, cut = drawn.randint(2, 20), drawn.random() < 0.3
        parts = answer(drawn, n)
        text = written(parts)
        read, expected = parse(text, n, cut=cut), second_reading(parts, n, cut=cut)
        outcomes[expected.outcome.value] += read == expected
        if read != expected:
            apart += 1
            if apart <= shown:
                print(f"n {n}, cut {cut}: {text!r}\n  parser {read}\n  second {expected}", file=sys.stderr)
    agreed = ", ".join(f"{outcomes[outcome]:,} {outcome}" for outcome in sorted(outcomes))
    claims.settle(
        f"{count:,} random answers, read from their parts and by the parser",
        f"{count - apart:,} agree ({agreed}), {apart:,} do not",
        holds=apart == 0,
    )


def main() -> None:
    """Compare as many answers as the command line says."""
    parser = argparse.ArgumentParser(description="The parser against a second reading.")
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    claims = Claims()
    compare(claims, options.count, options.seed)
    claims.end()


if __name__ == "__main__":
    main()
