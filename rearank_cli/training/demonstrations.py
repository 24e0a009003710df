"""What SFT imitates: given demonstrations, the best recorded answers, or the ideal order (the paper's ablation)."""

from collections.abc import Sequence
from dataclasses import replace

from rearank_cli.errors import DataError
from rearank_cli.formats.draws import query_of_draw
from rearank_cli.formats.trace import TraceIndex, completion_of, window_digest
from rearank_cli.ranking.tokens import Tokenizer
from rearank_cli.training.examples import Example
from rearank_cli.training.rewards import Rules, reward_parts, total


def ideal_answer(grades: Sequence[int], *, think: bool) -> str:
    """Return an answer that gives the best order, equal grades as presented, without any reasoning.

    >>> ideal_answer([0, 2, 1], think=True)
    '<think></think><answer>[2] > [3] > [1]</answer>'
    """
    order = sorted(range(len(grades)), key=lambda place: -grades[place])
    answer = f"<answer>{' > '.join(f'[{place + 1}]' for place in order)}</answer>"
    return f"<think></think>{answer}" if think else answer


def demonstrated(examples: Sequence[Example], *, think: bool) -> list[tuple[Example, str]]:
    """Return each example with the demonstration that its file gives, else with its ideal answer."""
    return [
        (example, example.graded.demonstration or ideal_answer(example.worth.grades, think=think))
        for example in examples
    ]


def within_answer_tokens(
    examples: Sequence[Example], tokenizer: Tokenizer, answer_tokens: int, *, think: bool
) -> list[Example]:
    """Return the examples whose demonstration, with the end token, is at most `answer_tokens` long.

    A longer one would lose its answer and its end, and could not be served within the same budget either.

    Raises:
        DataError: none is left.
    """
    texts = [text for _, text in demonstrated(examples, think=think)]
    lengths = [len(ids) + 1 for ids in tokenizer.encode(texts)]
    kept = [example for example, length in zip(examples, lengths, strict=True) if length <= answer_tokens]
    if examples and not kept:
        raise DataError(
            f"no demonstration is left to imitate: each of the {len(examples)} is longer than answer_tokens = "
            f"{answer_tokens} (the shortest has {min(lengths)} tokens with its end); raise answer_tokens"
        )
    return kept


def with_trace(examples: Sequence[Example], trace: str, rules: Rules) -> list[Example]:
    """Return the examples that a trace has a good answer to, each with the best one (rejection sampling).

    Good is an answer in form that ranks better than the order presented. A recorded window is found by its
    query and its passages in the order presented.

    Raises:
        MissingInput: no such file.
        DataError: it is malformed, or has no good answer to any list.
    """
    index = TraceIndex(trace, lambda row, _: window_digest(query_of_draw(row["qid"]), list(row["docids"])))
    try:
        found = [
            replace(example, graded=replace(example.graded, demonstration=best))
            for example in examples
            if (best := _best(example, index, rules))
        ]
    finally:
        index.close()
    if not found:
        raise DataError(
            f"{trace}: expected answers to these lists that rank better than the order presented, found none among "
            f"{len(index)}; record some with rearank rerank --trace on the same lists, at --temperature 1"
        )
    return found


def _best(example: Example, index: TraceIndex, rules: Rules) -> str:
    candidates = example.graded.candidates
    key = window_digest(candidates.query.qid, [hit.docid for hit in candidates.hits])
    texts = [completion_of(index.read(offset)).text for offset in index.rows(key)]
    scored = [
        (total(parts, rules.weights), text)
        for text in texts
        if (parts := reward_parts(text, example.worth, rules))
        and parts.tags
        and parts.answer
        and parts.rank > 0
    ]
    return max(scored, default=(0.0, ""), key=lambda pair: pair[0])[1]
