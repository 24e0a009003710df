"""The recipe that makes the released prompts, on a stand-in for their authors' file."""

from pathlib import Path

import pytest

from rearank_cli.ranking.prompts import load, render
from rearank_cli.records import Message
from tests.ranking.test_prompts import recipe

STAND_IN = """
import a_module_that_is_not_there

def get_prefix_prompt(query, num):
    return [{"role": "system", "content": "S"}, {"role": "user", "content": f"{num} passages for {query}"}]

def get_post_prompt(query, num):
    return f"order the {num} passages for {query}"

def create_permutation_instruction(item=None, rank_start=0, rank_end=100):
    hits = item["hits"][rank_start:rank_end]
    messages = get_prefix_prompt(item["query"], len(hits))
    for rank, hit in enumerate(hits, 1):
        messages.append({"role": "user", "content": f"[{rank}] {hit['content'][:300]}"})
    return messages + [{"role": "user", "content": get_post_prompt(item["query"], len(hits))}]

def create_permutation_instruction_rearank(item=None, rank_start=0, rank_end=100):
    hits = item["hits"][rank_start:rank_end]
    messages = [{"role": "system", "content": "T"}]
    for rank, hit in enumerate(hits, 1):
        messages.append({"role": "user", "content": f"[{rank}] {hit['content'][:400]}"})
        messages.append({"role": "assistant", "content": f"got [{rank}]"})
    return messages + [{"role": "user", "content": f"now \\"{item['query']}\\"\\n  [X] > [1]"}]
"""


def test_the_prompts_are_made_from_the_functions_alone(tmp_path: Path) -> None:
    prompts = recipe("paper/released_prompts.py").released(STAND_IN)
    assert sorted(prompts) == ["rankgpt-released", "rearank-released"]
    for name, text in prompts.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    rearank = load(str(tmp_path / "rearank-released.toml"))
    assert (rearank.passage_chars, rearank.think, rearank.max_tokens) == (400, True, 2048)
    assert render(rearank, "Q", ["a", "b"]) == (
        Message("system", "T"),
        Message("user", "[1] a"),
        Message("assistant", "got [1]"),
        Message("user", "[2] b"),
        Message("assistant", "got [2]"),
        Message("user", 'now "Q"\n  [X] > [1]'),
    )
    rankgpt = load(str(tmp_path / "rankgpt-released.toml"))
    assert rankgpt.passage_chars == 300
    assert [m.content for m in render(rankgpt, "Q", ["a"])] == [
        "S", "1 passages for Q", "[1] a", "order the 1 passages for Q"
    ]  # fmt: skip


def test_another_file_than_the_authors_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rank_gpt.py").write_text(STAND_IN, encoding="utf-8")
    assert (
        recipe("paper/released_prompts.py").main([str(tmp_path / "rank_gpt.py"), "--output", str(tmp_path)])
        == 65
    )
    assert "abb4bd0" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.toml"))
