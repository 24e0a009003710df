"""The demo model before any training: its tokenizer, its shape and its prompt.

    python recipes/demo/model.py OUT [--seed N]

writes an untrained model to OUT, with a tokenizer made from the demo collection.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from collection import CONCEPT, make_collection

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


def make_model(tokenizer: "PreTrainedTokenizerBase", seed: int) -> "Qwen2ForCausalLM":
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


def check_tokenizer(folder: Path) -> None:
    """Fail where a word of the language, read by the saved tokenizer, is not one token after a space."""
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(folder)
    cut = [word for word in [*CONCEPT, *COUNTS, "none"] if len(loaded.encode(f" {word}")) != 1]
    if cut or len(loaded.encode("\nso")) != 2:
        raise ValueError(f"{folder}: not one token each: {cut or 'so'}")


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


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description="The demo model before any training.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tokenizer = make_tokenizer()
    save(make_model(tokenizer, options.seed), tokenizer, options.out)
    check_tokenizer(options.out)


if __name__ == "__main__":
    main()
