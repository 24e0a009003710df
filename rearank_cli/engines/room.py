"""How many windows a batch may have, from the memory that is free and what a model keeps of each token."""

from collections.abc import Mapping
from pathlib import Path

SHARE = 0.5  # of the free memory for keys and values; the rest is for activations, logits and fragments
PROMPT_TOKENS = 4096  # of a window of 20 passages with room to spare: prompts are not known yet

_MEMINFO = Path("/proc/meminfo")


def cache_bytes(shape: Mapping[str, object], width: int) -> int | None:
    """Return the bytes of keys and values that one token leaves behind in numbers of `width` bytes.

    `shape` is a model's text configuration by transformers' names; None where it lacks what is needed.

    >>> cache_bytes({"num_hidden_layers": 28, "num_attention_heads": 28, "hidden_size": 3584,
    ...              "num_key_value_heads": 4}, width=2)
    57344
    """
    layers, heads, hidden = (
        shape.get(name) for name in ("num_hidden_layers", "num_attention_heads", "hidden_size")
    )
    if not (isinstance(layers, int) and isinstance(heads, int) and isinstance(hidden, int)):
        return None
    kept = shape.get("num_key_value_heads")
    size = shape.get("head_dim")
    of_a_layer = (kept if isinstance(kept, int) else heads) * (
        size if isinstance(size, int) else hidden // heads
    )
    return 2 * layers * of_a_layer * width


def batch_that_fits(free: int | None, token: int | None, tokens: int, most: int) -> int:
    """Return how many windows of `tokens` tokens, `token` bytes each, fit into `free` bytes; 1 to `most`.

    >>> batch_that_fits(60 * 2**30, 57344, 6144, most=64), batch_that_fits(2**30, 57344, 6144, most=64)
    (64, 1)
    >>> batch_that_fits(None, 57344, 6144, most=16)
    16
    """
    if free is None or token is None:
        return most
    return max(1, min(most, int(SHARE * free) // (token * tokens)))


def free_memory() -> int | None:
    """Return the bytes that this machine can give a process without swapping; None where it does not say."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    rows = dict(line.split(":", 1) for line in lines)
    return int(rows["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in rows else None
