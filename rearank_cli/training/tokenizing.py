"""A tokenizer is trusted only after it was seen to do what it was saved to do.

transformers chooses the class of a tokenizer by the kind of model, and that class may cut text in another
way than the tokenizer.json beside it: the ids differ in silence, and the model reads noise.
"""

from collections.abc import Sequence
from pathlib import Path

from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.errors import DataError
from rearank_cli.training.examples import Example

PROBE = "<think>[1] 1 passage\n[2] none</think><answer>[2] > [1]</answer>"
COMPARED = 5  # prompts


def check_tokenizer(tokenizer: ChatTokenizer, found: Sequence[Example]) -> None:
    """Check a tokenizer against its own file, against its decoding, and against what TRL will make of a chat.

    Raises:
        DataError: it does not round-trip; the message says what was lost.
    """
    _check_file(tokenizer, found)
    ids = tokenizer.encode([PROBE])[0]
    read = tokenizer.inner.decode(ids, skip_special_tokens=True)
    if read != PROBE:
        raise DataError(
            f"{tokenizer.model}: the tokenizer does not round-trip: {PROBE!r} comes back as {read!r}; the tags of an "
            "answer must be plain text to it, or added tokens that are not special"
        )
    for example in found[:COMPARED]:
        turns = [{"role": turn.role, "content": turn.content} for turn in example.messages]
        own = tokenizer.inner.apply_chat_template(
            turns, tokenize=True, add_generation_prompt=True, return_dict=True
        )["input_ids"]
        if tuple(own) != example.ids:
            raise DataError(
                f"{tokenizer.model}: its chat template and its tokenizer disagree on a prompt of query "
                f"{example.graded.candidates.query.qid!r} ({len(own)} and {len(example.ids)} tokens); "
                "what is trained would not be what is served"
            )


def _check_file(tokenizer: ChatTokenizer, found: Sequence[Example]) -> None:
    place = Path(tokenizer.model) / "tokenizer.json"
    if not place.is_file():
        return
    from tokenizers import Tokenizer

    saved = Tokenizer.from_file(str(place))
    texts = [PROBE, *(turn.content for example in found[:COMPARED] for turn in example.messages)]
    for text, ids in zip(texts, tokenizer.encode(texts), strict=True):
        expected = saved.encode(text, add_special_tokens=False).ids
        if ids != expected:
            raise DataError(
                f"{tokenizer.model}: the tokenizer does not round-trip: transformers loads it as "
                f"{type(tokenizer.inner).__name__}, which cuts {text[:40]!r} into {len(ids)} tokens where "
                f"tokenizer.json gives {len(expected)} (or others); save it as the class that its config names"
            )
