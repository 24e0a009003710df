"""The README.md beside a trained model: where it came from and how it is used."""

from rearank_cli import __version__
from rearank_cli.formats.provenance import clean_argument
from rearank_cli.training.recipe import Recipe, to_toml


def model_card(recipe: Recipe, model: str, data: str, step: int, ndcg: float | None) -> str:
    """Return a model card; `data` is the hash (hex) of the lists, `ndcg` nDCG@10 on the held-out ones."""
    start = clean_argument(model)
    figure = "no list was held out" if ndcg is None else f"nDCG@10 {ndcg:.4f} on held-out lists"
    return f"""\
---
library_name: transformers
pipeline_tag: text-generation
tags: [rearank, reranking, {recipe.method}]
---
# A listwise reranker, trained with rearank {__version__}

Started from `{start}`; the weights are those of step {step}: {figure}, ranked greedily.
The lists have the SHA-256 `{data}`. Prompt, window and budget are in `prompt.toml` and `rearank.json`:

    rearank rerank --model FOLDER

## Recipe
```toml
{to_toml(recipe)}```
"""
