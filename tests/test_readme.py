"""What the README shows is what the program prints."""

import re
import subprocess
from pathlib import Path

import pytest
import typer

from rearank_cli.cli import build
from tests.conftest import ROOT, Run

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(
    path.stem
    for path in (ROOT / "rearank_cli" / "commands").glob("*.py")
    if path.stem != "__init__" and not path.stem.endswith("options")
)
_NUMBER = re.compile(r"-?[0-9]+\.[0-9]+")


def console_commands(text: str) -> list[tuple[str, str]]:
    """Return (command, what it prints) of every console block, in order."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed))
    return found


def assert_alike(printed: str, shown: str) -> None:
    """The same but for figures of a model, which another processor may round to another token."""
    assert _NUMBER.sub("#", printed).split() == _NUMBER.sub("#", shown).split()
    for ours, theirs in zip(_NUMBER.findall(printed), _NUMBER.findall(shown), strict=True):
        assert float(ours) == pytest.approx(float(theirs), abs=0.02)


def test_every_console_block_prints_what_it_shows(shell: Run, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    commands = console_commands(README)
    assert len(commands) >= 4
    for command, shown in commands:
        assert_alike(shell(command, cwd=tmp_path).stdout, shown)


def test_every_command_stands_in_the_readme() -> None:
    for name in COMMANDS:
        assert f"`{name}`" in README, name


def test_every_file_that_the_readme_names_is_there() -> None:
    for name in re.findall(r"recipes/[\w./-]+\w", README):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("script", ["recipes/quickstart.sh", "recipes/test.sh", ".ci/run"])
def test_the_scripts_run_and_are_sound_shell(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_the_changelog_knows_what_is_coming() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    command = typer.main.get_command(build()).commands[name]  # type: ignore[attr-defined]
    assert command.help
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help, f"{name}: {parameter.name}"
