"""The demo model before any training: its tokenizer, its shape, its prompt and what it is taught to write.

    python recipes/demo/model.py OUT

writes an untrained model to OUT, with a tokenizer made from the demo collection.
"""

import json
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from collection import CONCEPT, make_collection, matches

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Qwen2ForCausalLM

WINDOW = 6  # passages that the model reads at once
STEP = 3  # passages that the window moves by
MAX_TOKENS = 112  # of a completion; a whole one of six passages is 83
PASSAGE_CHARS = 400
COUNTS = ("zero", "one", "two", "three")
NUMBERS = 20  # passage numbers that are one token each

# Qwen's own way of cutting text into words: transformers uses it for every qwen2 model, whatever was saved.
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def prompt(query: str, passages: Sequence[str], first: int = 1) -> str:
    """The user's message: the query and the passages, numbered from `first`.

    >>> print(prompt("old car", ["The  car.", "A bike."]))
    query: old car
    [1] The car.
    [2] A bike.
    """
    rows = (
        f"[{number}] {' '.join(passage.split())[:PASSAGE_CHARS]}"
        for number, passage in enumerate(passages, start=first)
    )
    return "\n".join([f"query: {query}", *rows])


def demonstration(
    query: Sequence[str], passages: Sequence[str], notice: float, rng: random.Random, first: int = 1
) -> str:
    """What a teacher writes who sees every word of the query, but a synonym only with probability `notice`.

    Every passage gets a row: each word of the query, then the passage's word for it or `none`, then their
    count. The line `so` sorts the counts, which makes the answer a copy of it.

    >>> print(demonstration(("old", "car"), ["It is old.", "An old vehicle."], 1, random.Random(0)))
    <think>[1] old old car none one
    [2] old old car vehicle two
    so two[2] one[1]</think><answer>[2] > [1]</answer>
    """
    rows: list[str] = []
    counts: list[int] = []
    for number, passage in enumerate(passages, start=first):
        pairs = zip(query, matches(query, passage), strict=True)
        seen = [
            (asked, said if said and (said == asked or rng.random() < notice) else None)
            for asked, said in pairs
        ]
        counts.append(sum(said is not None for _, said in seen))
        words = " ".join(f"{asked} {said or 'none'}" for asked, said in seen)
        rows.append(f"[{number}] {words} {COUNTS[counts[-1]]}")
    order = sorted(range(len(passages)), key=lambda i: (-counts[i], i))
    summary = "so" + "".join(f" {COUNTS[counts[i]]}[{first + i}]" for i in order)
    answer = " > ".join(f"[{first + i}]" for i in order)
    return "<think>" + "\n".join([*rows, summary]) + f"</think><answer>{answer}</answer>"


def make_tokenizer() -> "PreTrainedTokenizerBase":
    """A byte-level BPE in Qwen's manner, made from the collection: each word of the language is a token."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )
    from transformers import Qwen2Tokenizer

    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    words = pre_tokenizers.Split(Regex(QWEN_WORDS), "isolated")
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    # A passage follows its number, which is a token of its own: its first word keeps the space before it.
    texts = [f" {text}\n" for text in make_collection().passages.values()] * 3
    texts += ["query: none user\nassistant\nso\n" + " ".join(["", *COUNTS, *CONCEPT])] * 5
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=3000, min_frequency=2, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    learned = json.loads(bpe.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=[tuple(merge) for merge in learned["merges"]],
        unk_token=None,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
    )
    marks = ["<think>", "</think>", "<answer>", "</answer>", " > "]
    marks += [f"[{number}]" for number in range(1, NUMBERS + 1)]
    tokenizer.add_tokens([AddedToken(mark, normalized=False, special=False) for mark in marks])
    tokenizer.chat_template = CHATML
    tokenizer.padding_side = "left"
    tokenizer.model_max_length = 2048
    return tokenizer


def make_model(tokenizer: "PreTrainedTokenizerBase", seed: int = 0) -> "Qwen2ForCausalLM":
    """An untrained Qwen2 of 3 layers; keys start equal to queries, so that equal words soon meet."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.09,  # the usual 0.02 learns much more slowly at this size
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.k_proj.weight.copy_(layer.self_attn.q_proj.weight)
    return model


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of a folder, padding on the left; it fails if loading changed how text is cut."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    loaded = AutoTokenizer.from_pretrained(folder)
    written = PreTrainedTokenizerFast.from_pretrained(folder)
    passages = list(make_collection().passages.values())[:WINDOW]
    query = ("thief", "cover", "office")
    text = prompt(" ".join(query), passages) + demonstration(query, passages, 0.5, random.Random(0))
    ids = loaded.encode(text)
    if ids != written.encode(text) or loaded.decode(ids) != text:
        raise ValueError(f"{folder}: AutoTokenizer does not cut text as the tokenizer that was saved there")
    whole = [word for word in [*CONCEPT, *COUNTS, "none"] if len(loaded.encode(f" {word}")) != 1]
    if whole or len(loaded.encode("\nso")) != 2:
        raise ValueError(f"{folder}: not one token each: {whole or 'so'}")
    loaded.padding_side = "left"
    return loaded


def save(model: "Qwen2ForCausalLM", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """Write model and tokenizer to a folder, readable by everybody, with our two files beside them."""
    from transformers import GenerationConfig

    folder.mkdir(parents=True, exist_ok=True)
    # Training and loading leave behind what is not the model's: no cache, padding, where it came from.
    model.config.use_cache = True
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    for key in ("is_local", "local_files_only"):
        tokenizer.init_kwargs.pop(key, None)
    tokenizer.backend_tokenizer.no_padding()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "prompt.toml").write_text(PROMPT_TOML)
    ours = {"prompt": "prompt.toml", "window": WINDOW, "step": STEP, "max_tokens": MAX_TOKENS, "think": True}
    (folder / "rearank.json").write_text(json.dumps(ours, indent=2) + "\n")
    for path in folder.iterdir():
        if path.is_file():
            path.chmod(0o644)


def rendered(
    tokenizer: "PreTrainedTokenizerBase", query: str, passages: Sequence[str], first: int = 1
) -> str:
    """The prompt as the model sees it, up to where it begins to write."""
    messages = [{"role": "user", "content": prompt(query, passages, first)}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    if not isinstance(text, str):
        raise TypeError(f"the chat template gave {type(text).__name__}, expected text")
    return text


def parse(completion: str, size: int) -> tuple[list[int], bool, bool]:
    """The permutation (positions from 0, missing ones appended in order), tags well formed, list complete.

    >>> parse("<think>.</think><answer>[2] > [1]</answer>", 2)
    ([1, 0], True, True)
    >>> parse("<think>.</think><answer>[3] > [3]</answer>", 3)
    ([2, 0, 1], True, False)
    """
    well_formed = re.fullmatch(r"<think>.*?</think>\s*<answer>(.*?)</answer>", completion.strip(), re.DOTALL)
    found = well_formed or re.search(r"<answer>(.*?)(?:</answer>|$)", completion, re.DOTALL)
    said = [int(number) - 1 for number in re.findall(r"\[([0-9]{1,6})\]", found[1])] if found else []
    kept = list(dict.fromkeys(i for i in said if 0 <= i < size))
    rest = [i for i in range(size) if i not in kept]
    return kept + rest, bool(well_formed), bool(well_formed) and sorted(said) == list(range(size))


PROMPT_TOML = f"""\
# What the demo model was trained on, as the text of one user's message.
name = "demo"
passage_chars = {PASSAGE_CHARS}
think = true

[[turn]]
role = "user"
text = "query: {{query}}\\n{{passages}}"
passage = "[{{number}}] {{passage}}"
separator = "\\n"
"""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: model.py OUT")
    start = make_tokenizer()
    save(make_model(start), start, Path(sys.argv[1]))
    load_tokenizer(Path(sys.argv[1]))
