"""Attention of a padded batch on a CPU without copying keys and values once for every query head.

With a padding mask transformers repeats them before it calls torch, which its CUDA kernels need. The CPU
kernel takes grouped heads and a mask as they are, several times faster; padded batches are slower than
single prompts otherwise.
"""

from typing import Any

NAME = "rearank_grouped"


def use_grouped_heads(model: Any) -> None:  # noqa: ANN401 - transformers is untyped
    """Let a model on a CPU attend with grouped heads, where it uses torch's attention through the library."""
    if not model._supports_attention_backend or model.config._attn_implementation != "sdpa":
        return
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def _attend(  # transformers fixes these names and passes more
    module: Any,  # noqa: ANN401
    query: Any,  # noqa: ANN401
    key: Any,  # noqa: ANN401
    value: Any,  # noqa: ANN401
    attention_mask: Any,  # noqa: ANN401
    **rest: Any,  # noqa: ANN401
) -> tuple[Any, None]:
    from torch.nn.functional import scaled_dot_product_attention
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    special = any(rest.get(name) is not None for name in ("position_bias", "s_aux", "softcap"))
    if attention_mask is None or special:
        out: tuple[Any, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **rest)
        return out
    attended = scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, scale=rest.get("scaling"), enable_gqa=True
    )
    return attended.transpose(1, 2).contiguous(), None
