"""Two tiny Qwen2 models without a use, for tests of engines; nothing is downloaded.

`random_model` has random weights: what it writes means nothing, but every engine must write the same.
`clockwork_model` has no layers to speak of: its next token depends on the last one alone, so that it
writes a text that is known beforehand.

    python -m tests.engines.tiny OUT

writes both, to OUT/random and OUT/clockwork.
"""

import json
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Qwen2Config

ANSWER = "<answer>2 > 1</answer>"
"""What the clockwork model writes after `assistant` and a line end, till it is stopped."""
QUOTING = (
    "[THINK]",
    "as <answer>[1] > [2]</answer> shows",
    "[/THINK]",
    "<answer>[2] > [1]</answer>",
    " and so on",
)
"""What the quoting model writes, a token each, the last one without end; the marks are special tokens."""
_QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_TEXTS = (
    "system user assistant passage query rank the of answer think stop loop end [1] [20] " + ANSWER,
) * 3
CONTEXT = 4096


def make_tokenizer() -> "PreTrainedTokenizerBase":
    """A byte-level BPE that cuts words as Qwen2.5 does, with ChatML."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    bpe = Tokenizer(models.BPE())
    words = pre_tokenizers.Split(Regex(_QWEN_WORDS), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.Sequence([words, level]), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    bpe.train_from_iterator(_TEXTS, trainer)
    learned = json.loads(bpe.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=learned["vocab"], merges=[tuple(merge) for merge in learned["merges"]], unk_token=None,
        eos_token="<|im_end|>", pad_token="<|endoftext|>", additional_special_tokens=["<|im_start|>"],
    )  # fmt: skip
    tokenizer.chat_template = _CHATML
    tokenizer.model_max_length = CONTEXT
    return tokenizer


def _config(tokenizer: "PreTrainedTokenizerBase", hidden: int = 256, layers: int = 2) -> "Qwen2Config":
    from transformers import Qwen2Config

    return Qwen2Config(
        vocab_size=-(-len(tokenizer) // 64) * 64, hidden_size=hidden, intermediate_size=hidden,
        num_hidden_layers=layers, num_attention_heads=hidden // 64, num_key_value_heads=hidden // 128,
        max_position_embeddings=CONTEXT, tie_word_embeddings=False, initializer_range=0.3,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip


def random_model(folder: Path, hidden: int = 256, layers: int = 2) -> Path:
    """Write a model of random weights, with sampling defaults that must not leak; `hidden` in steps of 128."""
    import torch
    from transformers import Qwen2ForCausalLM

    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    model = Qwen2ForCausalLM(_config(tokenizer, hidden, layers)).float()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    leaks = {"do_sample": True, "repetition_penalty": 1.9, "temperature": 0.7, "top_k": 3, "top_p": 0.5}
    ends = {"eos_token_id": [tokenizer.eos_token_id, tokenizer.pad_token_id]}
    (folder / "generation_config.json").write_text(json.dumps({**leaks, **ends}))
    return folder


def successors(tokenizer: "PreTrainedTokenizerBase") -> Mapping[int, int]:
    """What follows what in the clockwork: `\\n` begins the answer, " stop" the end; " loop" never ends."""
    begin, stop, loop = (tokenizer.encode(text)[-1] for text in ("assistant\n", " stop", " loop"))
    path = [begin, *tokenizer.encode(ANSWER)]
    follows = dict(pairwise(path))
    if len(follows) < len(set(pairwise(path))):
        raise AssertionError(f"a token of {ANSWER!r} has two successors: {path}")
    return {**follows, stop: tokenizer.encode(" end")[0], loop: loop, tokenizer.encode(" end")[0]: -1}


def clockwork_model(folder: Path) -> Path:
    """Write a model that answers every chat with `ANSWER`."""
    tokenizer = make_tokenizer()
    return _write_clockwork(folder, tokenizer, successors(tokenizer))


def quoting_model(folder: Path, *, opened: bool = False) -> Path:
    """Write a model that quotes an answer while it thinks; with `opened` its chat template opens the reasoning."""
    tokenizer = make_tokenizer()
    marks = [piece for piece in QUOTING if piece.startswith(("[T", "[/"))]
    tokenizer.add_special_tokens({"additional_special_tokens": marks}, replace_extra_special_tokens=False)
    tokenizer.add_tokens([piece for piece in QUOTING if piece not in marks])
    path = [tokenizer.encode("assistant\n")[-1], *tokenizer.convert_tokens_to_ids(list(QUOTING))]
    if opened:
        tokenizer.chat_template = _CHATML.replace("assistant\n", "assistant\n[THINK]")
    return _write_clockwork(folder, tokenizer, {**dict(pairwise(path)), path[-1]: path[-1]})


def _write_clockwork(folder: Path, tokenizer: "PreTrainedTokenizerBase", follows: Mapping[int, int]) -> Path:
    """Write a model whose layers add nothing: the head maps each token's embedding to its successor (-1: the end)."""
    import torch
    from transformers import Qwen2ForCausalLM

    torch.manual_seed(0)
    model = Qwen2ForCausalLM(_config(tokenizer)).float()
    embeddings, head = model.model.embed_tokens.weight, model.lm_head.weight
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embeddings.normal_()
        head.zero_()
        for token, successor in follows.items():
            head[successor if successor >= 0 else tokenizer.eos_token_id] += embeddings[token]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def lora_adapter(model: Path, folder: Path) -> Path:
    """Write a LoRA adapter of rank 4 with weights that are not zero."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen2ForCausalLM

    torch.manual_seed(1)
    config = LoraConfig(
        r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM"
    )
    get_peft_model(Qwen2ForCausalLM.from_pretrained(model), config).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    random_model(Path(sys.argv[1]) / "random")
    clockwork_model(Path(sys.argv[1]) / "clockwork")
