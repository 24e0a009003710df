"""What a stranger installs: sdist and wheel, and the light base alone, away from this checkout."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.engines.faulty import serving

pytestmark = pytest.mark.slow
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def run(*command: str | Path, cwd: Path, status: int = 0, **environment: str) -> str:
    """Run a program away from the checkout; return its stdout and, where it fails, its stderr."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, f"{command}: status {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout if status == 0 else done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist of the checkout, and the wheel that is built from that sdist."""
    folder = tmp_path_factory.mktemp("built")
    tools = folder / "tools"
    got = subprocess.run(
        [*PIP, "install", "--quiet", "--target", tools, "hatchling"], capture_output=True, text=True
    )
    if got.returncode:
        pytest.skip(f"hatchling cannot be had here: {got.stderr.strip().splitlines()[-1]}")
    hatchling = (sys.executable, "-m", "hatchling", "build", "--directory", folder)
    run(*hatchling, "--target", "sdist", cwd=ROOT, PYTHONPATH=str(tools))
    (sdist,) = folder.glob("rearank-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "sources", filter="data")
    (sources,) = (folder / "sources").iterdir()
    run(*hatchling, "--target", "wheel", cwd=sources, PYTHONPATH=str(tools))
    (wheel,) = folder.glob("rearank-*.whl")
    return sdist, wheel


def test_the_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    _, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = [path for path in (ROOT / "rearank_cli").rglob("*") if path.is_file()]
    assert names == {str(path.relative_to(ROOT)) for path in package if "__pycache__" not in path.parts}
    assert "rearank_cli/py.typed" in names
    assert wheel.stat().st_size < 8_000_000


def test_the_sdist_can_be_tested(built: tuple[Path, Path]) -> None:
    sdist, _ = built
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "recipes/test.sh",
        ".ci/run",
        ".github/CONTRIBUTING.md",
        "tests/conftest.py",
    }


@pytest.fixture(scope="module")
def bare(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run the wheel's `rearank` in an environment that holds the base alone."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    constraints = ROOT / "recipes" / "constraints.txt"
    run(programs / "pip", "install", "--quiet", "-c", constraints, built[1], cwd=folder)
    for name in ("torch", "transformers", "ranx", "tests"):
        run(programs / "python", "-c", f"import {name}", cwd=folder, status=1)
    return lambda *arguments, status=0: run(programs / "rearank", *arguments, cwd=folder, status=status)


def test_the_base_retrieves_reranks_and_evaluates(bare: Callable[..., str]) -> None:
    bare("retrieve", "--dataset", "demo", "--hits", "10", "-o", "bm25.jsonl")
    assert bare("evaluate", "bm25.jsonl").split()[-1] == "0.5297"
    with serving(lambda number, body: "good") as server:
        asked = bare(
            "rerank",
            "bm25.jsonl",
            "--limit",
            "5",
            "--model",
            "m",
            "--base-url",
            server.url,
            "--trace",
            "t.jsonl",
        )
    assert len(server.bodies) == 5
    replayed = bare("rerank", "bm25.jsonl", "--limit", "5", "--replay", "t.jsonl", "--tag", "demo:bm25:m")
    assert replayed == asked
    assert len(replayed.splitlines()) == 50


def test_what_the_base_lacks_is_said_with_its_cure(bare: Callable[..., str]) -> None:
    assert "pip install 'rearank[local]'" in bare("doctor", status=69)
    bare("retrieve", "--dataset", "demo", "--hits", "2", "-o", "two.jsonl")
    assert "pip install 'rearank[local]'" in bare("rerank", "two.jsonl", "--model", "demo", status=69)
