"""The recipe that makes a prompt from one of rank_llm's templates, on a stand-in for its file."""

from pathlib import Path

import pytest

from rearank_cli.ranking.prompts import load, render
from rearank_cli.records import Message
from tests.ranking.test_prompts import recipe

pytest.importorskip("yaml", reason="PyYAML comes with the extra `local`")

STAND_IN = """\
method: "singleturn_listwise"
system_message: "Think in <think> first."
prefix: |
  Here are {num} passages for {query}.
body: |
  [{rank}] {candidate}
suffix: |-
  Order the {num} for {query}.
"""


def test_a_template_becomes_a_prompt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine_template.yaml").write_text(STAND_IN, encoding="utf-8")
    assert (
        recipe("paper/rank_llm_prompts.py").main(
            [str(tmp_path / "mine_template.yaml"), "--output", str(tmp_path)]
        )
        == 0
    )
    path = capsys.readouterr().out.strip()
    assert path == str(tmp_path / "mine-released.toml")
    template = load(path)
    assert (template.passage_words, template.think, template.max_tokens) == (300, True, 3072)
    assert template.titled == "Title: {title} Content: {text}"
    assert render(template, "Q", ["a", "b"]) == (
        Message("system", "Think in <think> first."),
        Message("user", "Here are 2 passages for Q.\n[1] a\n[2] b\nOrder the 2 for Q."),
    )


def test_another_kind_of_template_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p_template.yaml").write_text("method: pointwise\n", encoding="utf-8")
    assert recipe("paper/rank_llm_prompts.py").main([str(tmp_path / "p_template.yaml")]) == 65
    assert "expected a single-turn listwise template" in capsys.readouterr().err
