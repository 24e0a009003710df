"""Make a prompt of ours from one of rank_llm's listwise YAML templates.

    python recipes/paper/rank_llm_prompts.py path/to/rank_llm/src/rank_llm/rerank/prompt_templates/NAME_template.yaml

The wording is its authors' and is not shipped here. Clone https://github.com/castorini/rank_llm and name a
template: `NAME-released.toml` is written to the user's cache, from where models that are known to want it
take it (rank_zephyr, reasonrank), and where `--prompt FILE` finds it for any other. rank_llm shows at most
300 words of a passage.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from rearank_cli.places import cache_folder

PLACEHOLDERS = {"{num}": "{count}", "{rank}": "{number}", "{candidate}": "{passage}"}
PASSAGE_WORDS = 300


def main(argv: Sequence[str] | None = None) -> int:
    """Write the prompt; return the exit status."""
    parser = argparse.ArgumentParser(description="Make a prompt from a listwise YAML template of rank_llm.")
    parser.add_argument("template", type=Path, help="NAME_template.yaml")
    parser.add_argument("--output", type=Path, default=cache_folder() / "prompts", help="folder to write to")
    options = parser.parse_args(argv)
    fields = yaml.safe_load(options.template.read_text(encoding="utf-8"))
    if "listwise" not in str(fields.get("method")) or "multiturn" in str(fields.get("method")):
        sys.stderr.write(
            f"{options.template}: expected a single-turn listwise template, found {fields.get('method')!r}\n"
        )
        return 65
    name = options.template.stem.removesuffix("_template") + "-released"
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / f"{name}.toml").write_text(to_toml(name, fields), encoding="utf-8")
    sys.stdout.write(f"{options.output / name}.toml\n")
    return 0


def to_toml(name: str, fields: Mapping[str, str]) -> str:
    """Return the TOML of one template: a system turn and one user turn with all passages."""
    thinks = "<think>" in fields["system_message"] + fields["suffix"]
    user = (
        placed(fields["prefix"])
        + "{passages}"
        + ("" if fields["body"].endswith("\n") else "\n")
        + placed(fields["suffix"])
    )
    lines = [
        f"name = {json.dumps(name)}",
        f"passage_words = {PASSAGE_WORDS}",
        'titled = "Title: {title} Content: {text}"',
        f"think = {json.dumps(thinks)}",
        f"max_tokens = {3072 if thinks else 256}",
        "",
        "[[turn]]",
        'role = "system"',
        f"text = {json.dumps(fields['system_message'])}",
        "",
        "[[turn]]",
        'role = "user"',
        f"text = {json.dumps(user)}",
        f"passage = {json.dumps(placed(fields['body']))}",
        f"separator = {json.dumps('' if fields['body'].endswith(chr(10)) else chr(10))}",
    ]
    return "\n".join(lines) + "\n"


def placed(text: str) -> str:
    """Replace rank_llm's placeholders by ours."""
    for theirs, own in PLACEHOLDERS.items():
        text = text.replace(theirs, own)
    return text


if __name__ == "__main__":
    sys.exit(main())
