"""Help: whole, true, and quick; and what a shell completes with."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from rearank_cli.cli import COMMANDS
from rearank_cli.commands.groups import GROUPS
from tests.command_lines import commands
from tests.conftest import ROOT, Run
from tests.ranking.test_prompts import recipe
from tests.test_layers import HEAVY, printed_and_loaded

CONSTRAINTS = ROOT / "recipes" / "constraints.txt"
# Each reads what those before it wrote.
ORDER = ("retrieve", "rerank", "evaluate", "augment", "train", "doctor")
SHORTER = {  # of what takes minutes
    "rerank": " --limit 2",
    "train": " --steps 1 --set prompts=2 --set rollouts=4 --set micro_batch=4 --set mini_batch=1 --set eval_limit=4",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    command = commands()[name]
    assert command.help
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help, f"{name}: {parameter.name}"  # type: ignore[attr-defined]


def test_every_command_file_is_a_command() -> None:
    names = {path.stem for path in (ROOT / "rearank_cli" / "commands").glob("[a-z]*.py")}
    assert {name for name in names if not name.endswith(("options", "named_files", "groups"))} == set(
        COMMANDS
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_stands_in_one_group_of_its_help(command: str, rearank: Run) -> None:
    groups = GROUPS[command]
    placed = [name for names in groups.values() for name in names]
    assert len(placed) == len(set(placed))
    shown = re.findall(r"^  (?:-[a-z], )?--([a-z0-9-]+)", rearank(command, "--help").stdout, re.MULTILINE)
    assert {name.replace("-", "_") for name in shown} - {"help"} >= set(placed)
    if groups:
        assert {name.replace("-", "_") for name in shown} - {"help"} == set(placed)
        assert next(iter(groups)) == "Most used"
        assert len(groups["Most used"]) <= 10


def test_the_list_of_commands_says_what_each_does(rearank: Run) -> None:
    listed = rearank("--help", COLUMNS="80").stdout.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in listed if line] == list(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in listed if line)


def test_the_reference_is_what_the_help_says() -> None:
    if f"typer=={version('typer')}" not in CONSTRAINTS.read_text(encoding="utf-8").split():
        pytest.skip("another typer than the one that wrote the page, and each has its own style")
    written = (ROOT / "recipes" / "reference.md").read_text(encoding="utf-8")
    assert written == recipe("reference.py").reference(), "python recipes/reference.py > recipes/reference.md"


def example(name: str) -> str:
    """The command that stands in a command's help as its example."""
    found = re.search(r"Example: (.*)", commands()[name].help or "")
    assert found, name
    return found[1]


@pytest.mark.slow
def test_the_examples_of_the_help_work_one_after_the_other(shell: Run, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="the extra `train` is not installed")
    assert set(ORDER) == set(COMMANDS)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    for name in ORDER:
        shell(example(name) + SHORTER.get(name, ""), cwd=tmp_path)
    assert (tmp_path / "run.trec").read_text(encoding="utf-8").count("\n") == 2 * 30
    assert (tmp_path / "out" / "rearank.json").exists()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rearank re", {"retrieve", "rerank"}),
        ("rearank rerank --max-t", {"--max-tokens", "--max-time"}),
        ("rearank rerank --engine v", {"vllm"}),
        ("rearank doctor --f", {"--format"}),
    ],
)
def test_a_shell_completes_and_loads_nothing_heavy(line: str, offered: set[str]) -> None:
    words = line.split(" ")
    said, loaded = printed_and_loaded(
        _REARANK_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1)
    )
    assert set(said.split()) == offered
    assert not loaded & HEAVY


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_can_be_had(
    rearank: Run, monkeypatch: pytest.MonkeyPatch, shell_name: str
) -> None:
    # Typer would look for the shell that it was started from, and there may be none.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert "_REARANK_COMPLETE" in rearank("--show-completion", shell_name).stdout
