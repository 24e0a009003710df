"""From lists to examples: prompts as they will be served, counted in tokens, split by query, checked."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rearank_cli.errors import DataError
from rearank_cli.formats.lists import GradedList
from rearank_cli.ranking.prompts import Template, render
from rearank_cli.ranking.tokens import TokenComposer, Tokenizer
from rearank_cli.records import Message
from rearank_cli.training.recipe import LongPrompts, Method, Recipe
from rearank_cli.training.rewards import Stakes, stakes


@dataclass(frozen=True, slots=True)
class Example:
    """One list as a model meets it: chat turns, token ids, and what is at stake."""

    graded: GradedList
    messages: tuple[Message, ...]
    ids: tuple[int, ...]
    worth: Stakes


@dataclass(frozen=True, slots=True)
class Split:
    """What is trained on and what is held out, with counts of lists left out for a reason."""

    train: tuple[Example, ...]
    heldout: tuple[Example, ...]
    long: int = 0
    long_demonstrations: int = 0
    without_signal: int = 0


def examples(lists: Iterable[GradedList], template: Template, tokenizer: Tokenizer) -> list[Example]:
    """Render each list with the prompt that serves it later.

    Raises:
        DataError: a list is shorter than two passages, or the chat template refuses the prompt.
    """
    compose = TokenComposer(template, tokenizer)
    found = []
    for graded in lists:
        query, hits = graded.candidates.query, graded.candidates.hits
        if len(hits) < 2:
            raise DataError(
                f"query {query.qid!r}: expected a list of at least 2 passages, found {len(hits)}; drop it"
            )
        asked, passages, ids = compose.fitted(query, hits)
        found.append(Example(graded, render(template, asked, passages), tuple(ids), worth_of(graded)))
    return found


def worth_of(graded: GradedList) -> Stakes:
    """Return what a list is worth: as its file says, else as if its own grades were all judgements.

    >>> from rearank_cli.records import Candidates, Query
    >>> worth_of(GradedList(Candidates(Query("q", ""), ()), (0, 1), initial=0.2, ideal=0.5))
    Stakes(grades=(0, 1), initial=0.2, ideal=0.5)
    """
    if graded.initial is None or graded.ideal is None:
        return stakes(graded.grades, graded.grades)
    return Stakes(graded.grades, graded.initial, graded.ideal)


def split(found: Sequence[Example], heldout: Sequence[Example], recipe: Recipe, name: str) -> Split:
    """Choose what is trained on and, where no held-out lists are given, hold out a share of the queries.

    Raises:
        DataError: a list is longer than the limit (unless they are dropped), no list has a signal, or
            nothing is left to train on; the message begins with `name`.
    """
    if not found:
        raise DataError(f"{name}: expected training lists, found none; did a stage fail?")
    fitting = [example for example in found if len(example.ids) <= recipe.prompt_tokens]
    if len(fitting) < len(found) and recipe.long_prompts is LongPrompts.REFUSE:
        raise _too_long(found, recipe, name)
    useful = [example for example in fitting if _teaches(example, recipe)]
    if fitting and not useful:
        raise DataError(
            f"{name}: no signal in any of its {len(fitting)} lists: each is in its best order already, or has no "
            "relevant passage; draw others with rearank augment"
        )
    kept_out = frozenset() if heldout else _held_out(useful, recipe)
    train = tuple(example for example in useful if qid_of(example) not in kept_out)
    if not train:
        raise DataError(f"{name}: no list is left to train on within prompt_tokens = {recipe.prompt_tokens}")
    judged = heldout or [example for example in useful if qid_of(example) in kept_out]
    shown = [example for example in judged if len(example.ids) <= recipe.prompt_tokens]
    return Split(
        train,
        tuple(sorted(shown, key=_by_chance)[: recipe.eval_limit]),
        long=len(found) - len(fitting),
        without_signal=len(fitting) - len(useful),
    )


def _teaches(example: Example, recipe: Recipe) -> bool:
    """Tell whether there is something to learn: a better order, or for SFT a demonstration of any."""
    imitated = recipe.method is Method.SFT and example.graded.demonstration
    return bool(imitated) or example.worth.has_signal


def qid_of(example: Example) -> str:
    """Return the query of an example."""
    return example.graded.candidates.query.qid


def _too_long(found: Sequence[Example], recipe: Recipe, name: str) -> DataError:
    longest = max(found, key=lambda example: len(example.ids))
    count = sum(len(example.ids) > recipe.prompt_tokens for example in found)
    return DataError(
        f"{name}: {count} of {len(found)} lists have a prompt longer than prompt_tokens = {recipe.prompt_tokens} "
        f"(query {qid_of(longest)!r}, draw {longest.graded.draw}: {len(longest.ids)} tokens); raise the limit, "
        'draw smaller lists, or set long_prompts = "drop"'
    )


def _held_out(found: Sequence[Example], recipe: Recipe) -> frozenset[str]:
    """Return the queries held out: the share asked for, at least one where there are two."""
    qids = sorted({qid_of(example) for example in found}, key=lambda qid: _digest(f"{recipe.seed}:{qid}"))
    count = min(math.ceil(recipe.eval_share * len(qids)), len(qids) - 1)
    return frozenset(qids[:count])


def _by_chance(example: Example) -> bytes:
    return _digest(f"{qid_of(example)}:{example.graded.draw}")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
