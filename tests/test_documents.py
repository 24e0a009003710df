"""What the documents show is what the program does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rearank_cli.cli import COMMANDS
from rearank_cli.ranking import permutation
from tests.command_lines import commands, invocations, refusal
from tests.conftest import ROOT, Run

README = ROOT / "README.md"
WRITTEN = [path for path in sorted((ROOT / "recipes").rglob("*.md")) if path.name != "reference.md"]
HIDDEN = sorted((ROOT / ".github").glob("*.md"))
DOCUMENTS = [README, *WRITTEN, *HIDDEN]
SCRIPTS = sorted((ROOT / "recipes").rglob("*.sh"))
SOURCED = {"environment.sh"}
_NUMBER = re.compile(r"-?[0-9]+\.[0-9]+")
_NOT_OURS = {"--help", "--no-deps"}  # in the README, of every command and of pip


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def console_commands(path: Path) -> list[tuple[str, str]]:
    """(command, what it prints) of every console block, in order."""
    parts = [
        part for block in blocks(path, "console") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    ]
    return [(command, printed) for command, _, printed in (part.partition("\n") for part in parts)]


def test_the_readme_reads_answers_as_the_parser_does() -> None:
    rule = re.split(r"\n[0-9]\. ", str(permutation.__doc__))[1:]
    readme = " ".join(re.sub(r"\[(.*?)\]\(.*?\)", r"\1", README.read_text(encoding="utf-8")).split())
    assert len(rule) == 6
    for step in rule:
        assert " ".join(step.split()) in readme


def assert_alike(printed: str, shown: str) -> None:
    """The same but for figures of a model, which another processor may round to another token."""
    assert _NUMBER.sub("#", printed).split() == _NUMBER.sub("#", shown).split()
    for ours, theirs in zip(_NUMBER.findall(printed), _NUMBER.findall(shown), strict=True):
        assert float(ours) == pytest.approx(float(theirs), abs=0.02)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if console_commands(path)], ids=named)
def test_every_console_block_prints_what_it_shows(shell: Run, tmp_path: Path, path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    for command, shown in console_commands(path):
        assert_alike(shell(command, cwd=tmp_path, HOME=str(tmp_path)).stdout, shown)


def test_the_readme_shows_the_main_job() -> None:
    shown = [command for command, _ in console_commands(README)]
    for step in ("rearank retrieve --dataset demo", "rearank rerank bm25.jsonl", "rearank evaluate"):
        assert any(step in command for command in shown), step


@pytest.mark.slow
def test_the_quickstart_runs_what_the_readme_shows(shell: Run, tmp_path: Path) -> None:
    """All of it but the installation, which `recipes/test.sh` shares."""
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    script = (ROOT / "recipes" / "quickstart.sh").read_text(encoding="utf-8")
    steps = "\n".join(line for line in script.splitlines() if not line.startswith("source "))
    shown = "".join(printed for command, printed in console_commands(README)[:3])
    assert_alike(shell(f"root={tmp_path}\n{steps}").stdout, shown)
    assert (tmp_path / "build" / "quickstart" / "run.trec").stat().st_size


@pytest.mark.parametrize("path", [*DOCUMENTS, *SCRIPTS], ids=named)
def test_every_command_line_is_one_that_the_program_takes(path: Path) -> None:
    for arguments in invocations(path):
        assert not refusal(arguments), f"rearank {' '.join(arguments)}: {refusal(arguments)}"


def test_command_lines_are_found_and_mistakes_in_them_seen() -> None:
    assert len(list(invocations(README))) > 10
    assert len(list(invocations(ROOT / "recipes" / "cron" / "nightly.sh"))) == 3
    assert "No such option" in refusal(["rerank", "--sttep", "3"])
    assert "no command" in refusal(["rank"])
    assert refusal(["rerank", "--window", "1"])


def test_every_option_that_the_readme_names_exists() -> None:
    parameters = [parameter for command in commands().values() for parameter in command.params]
    known = {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}
    spoken = set(re.findall(r"`(--[a-z][a-z-]+)", README.read_text(encoding="utf-8")))
    assert len(spoken) > 20
    assert spoken - _NOT_OURS <= known


@pytest.mark.parametrize("block", blocks(README, "python"))
def test_the_python_of_the_readme_runs_and_is_typed(tmp_path: Path, block: str) -> None:
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    (tmp_path / "example.py").write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == re.findall(r"print\(.*\)  # (.*)", block)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", str(tmp_path / "example.py")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


def test_the_readme_reranks_in_python() -> None:
    assert any(" rerank(" in block for block in blocks(README, "python"))


def test_every_command_stands_in_the_readme() -> None:
    for name in COMMANDS:
        assert f"`{name}`" in README.read_text(encoding="utf-8"), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_file_that_a_document_names_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"(?<![\w/])(?:recipes|tests|rearank_cli)/[\w./*-]+", text):
        assert list(ROOT.glob(name.rstrip("./"))), name
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", HIDDEN, ids=named)
def test_every_module_that_a_page_for_contributors_names_is_there(path: Path) -> None:
    names = re.findall(r"`((?:\w+/)+(?:\w+\.(?:py|toml))?)`", path.read_text(encoding="utf-8"))
    assert names
    for name in names:
        assert (ROOT / name).exists() or (ROOT / "rearank_cli" / name).exists(), name


@pytest.mark.parametrize("path", [ROOT / ".ci" / "run", *SCRIPTS], ids=named)
def test_every_script_is_sound_shell_and_runs_as_a_program(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)
    if path.name not in SOURCED:
        assert path.stat().st_mode & 0o111
        assert path.read_text(encoding="utf-8").startswith("#!")
