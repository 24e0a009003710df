"""Make the prompt that REARANK's released checkpoint was trained with, from its authors' own file.

    python recipes/paper/released_prompts.py path/to/Rearank/rank_gpt.py

The wording is theirs and is not shipped here. Clone https://github.com/lezhang7/Rearank at commit abb4bd0
and name its rank_gpt.py: two TOML prompts are written to the user's cache, from where
`rearank rerank --model le723z/Rearank-7B` picks the first one up by itself. With another wording users
measured nDCG@10 70.45 on DL19 instead of the 74.16 of the paper.

    rearank-released.toml    reasoning, 400 characters a passage
    rankgpt-released.toml    the zero-shot baseline, 300 characters a passage
"""

import argparse
import ast
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rearank_cli.places import cache_folder
from rearank_cli.records import Message

SHA256 = "4365f3bdf5cff682819f0066b07aaa31d6d2d3e26eea1fa4bdb60885c6273a9e"
PROMPTS = {  # file -> (the authors' function, what else the TOML says)
    "rearank-released": ("create_permutation_instruction_rearank",
                         {"passage_chars": 400, "think": True, "max_tokens": 2048}),
    "rankgpt-released": ("create_permutation_instruction", {"passage_chars": 300, "think": False, "max_tokens": 2048}),
}  # fmt: skip
NEEDED = {"get_prefix_prompt", "get_post_prompt", *(function for function, _ in PROMPTS.values())}
QUERY, PASSAGES = "\ue000query\ue001", tuple(f"\ue000passage {i}\ue001" for i in range(37))
Settings = dict[str, int | bool]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the prompts; return the exit status."""
    parser = argparse.ArgumentParser(description="Make the released prompts from their authors' rank_gpt.py.")
    parser.add_argument("rank_gpt", type=Path, help="rank_gpt.py of lezhang7/Rearank at commit abb4bd0")
    parser.add_argument("--output", type=Path, default=cache_folder() / "prompts", help="folder to write to")
    options = parser.parse_args(argv)
    source = options.rank_gpt.read_bytes()
    found = hashlib.sha256(source).hexdigest()
    if found != SHA256:
        sys.stderr.write(
            f"{options.rank_gpt}: expected sha256 {SHA256}, found {found}; take commit abb4bd0\n"
        )
        return 65
    options.output.mkdir(parents=True, exist_ok=True)
    for name, text in released(source.decode()).items():
        (options.output / f"{name}.toml").write_text(text, encoding="utf-8")
        sys.stdout.write(f"{options.output / name}.toml\n")
    return 0


def released(source: str) -> dict[str, str]:
    """Return name -> TOML for the prompts that the functions in the authors' source build."""
    functions = prompt_functions(source)
    item = {"query": QUERY, "hits": [{"content": passage} for passage in PASSAGES]}
    prompts = {}
    for name, (function, settings) in PROMPTS.items():
        rows = functions[function](item=item)
        messages = [Message(row["role"], row["content"]) for row in rows]
        prompts[name] = to_toml(name, messages, QUERY, PASSAGES, settings)
    return prompts


def prompt_functions(source: str) -> dict[str, Callable[..., list[dict[str, str]]]]:
    """Run the prompt functions of a source file, and nothing else of it (it imports vLLM and Lucene)."""
    tree = ast.parse(source)
    kept = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in NEEDED]
    namespace: dict[str, Any] = {}
    exec(compile(ast.Module(body=[*kept], type_ignores=[]), "rank_gpt.py", "exec"), namespace)
    return namespace


def to_toml(
    name: str, messages: Sequence[Message], query: str, passages: Sequence[str], settings: Settings
) -> str:
    """Turn one rendered prompt back into a template: the inverse of `rearank_cli.ranking.prompts.render`."""
    lines = [
        f"name = {json.dumps(name)}",
        'titled = "Title: {title} Content: {text}"',
        'remove = ["Title: Content: "]',
    ]
    lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    texts = [template_text(message.content, query, len(passages)) for message in messages]
    numbers = [number_of(message.content, passages) for message in messages]
    shown = [place for place, number in enumerate(numbers) if number == 1]
    end = next((place for place, number in enumerate(numbers) if number == 2), len(messages))
    repeated = range(shown[0], end)
    last = max(place for place, number in enumerate(numbers) if number) + len(repeated) - 1
    for each, places in groupby(range(len(messages)), key=lambda place: shown[0] <= place <= last):
        for place in list(places)[: len(repeated)] if each else places:
            text = (
                texts[place].replace("[1]", "[{number}]").replace(passages[0], "{passage}")
                if each
                else texts[place]
            )
            lines += ["", "[[turn]]", f"role = {json.dumps(messages[place].role)}"]
            lines += ['each = "passage"'] if each else []
            lines += [f"text = {json.dumps(text)}"]
    return "\n".join(lines) + "\n"


def template_text(content: str, query: str, count: int) -> str:
    """Put the placeholders back for the query and the number of passages."""
    return content.replace(query, "{query}").replace(f"{count} passages", "{count} passages")


def number_of(content: str, passages: Sequence[str]) -> int:
    """Return which passage (from 1) a turn shows, 0 for none."""
    return next((i for i, passage in enumerate(passages, 1) if content == f"[{i}] {passage}"), 0)


if __name__ == "__main__":
    sys.exit(main())
