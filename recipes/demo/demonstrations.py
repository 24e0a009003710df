"""Write what the demo model is first taught by imitation: lists with the demonstrations of an imperfect teacher.

    python recipes/demo/demonstrations.py OUT [--lists N] [--seed N]

OUT is what `rearank train --method sft` reads, a curriculum: lists of 2 passages at first, of up to 6 after a
quarter of the file. Queries are of the train split, passages are drawn afresh from the language and are none
of the collection's.

The teacher misses half of the synonyms, so that who imitates it ranks about as BM25 does but now and then
notices a synonym: GRPO rewards just that. Sorting, not matching, is what takes the steps.
"""

import argparse
import random
from collections.abc import Iterator, Sequence

from collection import draw_passage, draw_query, grade, matches
from model import COUNTS, WINDOW

from rearank_cli.formats.lists import GradedList, write_list
from rearank_cli.formats.streams import open_sink
from rearank_cli.records import Candidates, Hit, Query

NOTICE = 0.5  # probability that the teacher notices a synonym
GROWING = 0.25  # share of the file in which lists grow to WINDOW
WHOLE = 0.7  # share of the lists that are as long as they can be at their place
MIXED = 0.5  # share of the lists that have their own mixture of good and bad passages


def demonstration(query: Sequence[str], passages: Sequence[str], notice: float, rng: random.Random) -> str:
    """What a teacher writes who sees every word of the query, but a synonym only with probability `notice`.

    Every passage gets a row: each word of the query, then the passage's word for it or `none`, then their
    count with the passage's number. The line `so` sorts these ends of rows, the answer copies their numbers.

    >>> print(demonstration(("old", "car"), ["It is old.", "An old vehicle."], 1, random.Random(0)))
    <think>[1] old old car none one[1]
    [2] old old car vehicle two[2]
    so two[2] one[1]</think><answer>[2] > [1]</answer>
    """
    rows: list[str] = []
    counts: list[int] = []
    for number, passage in enumerate(passages, 1):
        pairs = zip(query, matches(query, passage), strict=True)
        seen = [
            (asked, said if said and (said == asked or rng.random() < notice) else None)
            for asked, said in pairs
        ]
        counts.append(sum(said is not None for _, said in seen))
        words = " ".join(f"{asked} {said or 'none'}" for asked, said in seen)
        rows.append(f"[{number}] {words} {COUNTS[counts[-1]]}[{number}]")
    order = sorted(range(len(passages)), key=lambda i: (-counts[i], i))
    summary = "so" + "".join(f" {COUNTS[counts[i]]}[{i + 1}]" for i in order)
    answer = " > ".join(f"[{i + 1}]" for i in order)
    return "<think>" + "\n".join([*rows, summary]) + f"</think><answer>{answer}</answer>"


def lists(count: int, rng: random.Random) -> Iterator[GradedList]:
    """Draw the lists with their demonstrations, in the order in which they are to be met."""
    for number in range(1, count + 1):
        longest = 2 + round((WINDOW - 2) * min(1.0, number / (GROWING * count)))
        query = draw_query(rng, "train")
        # The first windows of a good order are mostly good passages, the last ones mostly bad.
        mixed = rng.random() < MIXED
        weights = [rng.random() ** 3 for _ in range(4)] if mixed else [25, 35, 25, 15]
        exact = rng.random() if mixed else 0.45
        size = longest if rng.random() < WHOLE else rng.randint(2, longest)
        shared = rng.choices(range(4), weights, k=size)
        passages = [draw_passage(rng, query, concepts, exact) for concepts in shared]
        yield GradedList(
            Candidates(
                Query(f"s{number}", " ".join(query)),
                tuple(Hit(f"s{number}.{i}", -i, text) for i, text in enumerate(passages, 1)),
            ),
            tuple(grade(query, text) for text in passages),
            demonstration=demonstration(query, passages, NOTICE, rng),
        )


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Lists with demonstrations, to begin with.")
    parser.add_argument("out")
    parser.add_argument("--lists", type=int, default=80100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with open_sink(options.out) as sink:
        for graded in lists(options.lists, random.Random(options.seed)):
            write_list(sink, graded)


if __name__ == "__main__":
    main()
