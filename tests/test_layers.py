"""Imports point one way, and help is printed without loading anything heavy."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rearank_cli.cli import COMMANDS
from tests.conftest import ROOT

PACKAGE = ROOT / "rearank_cli"
RANK = {  # a module may import modules of a lower rank, and of its own room
    "redaction": -1,
    "errors": 0, "records": 0, "reasoning": 0, "places": 0, "console": 0, "__init__": 0,
    "formats": 1, "schema": 1, "control_tokens": 1,
    "datasets": 2, "engines": 2,
    "retrieval": 3, "ranking": 3, "evaluation": 3, "training": 3,
    "library": 4, "diagnosis": 4,
    "commands": 5,
    "cli": 6,
    "__main__": 7,
}  # fmt: skip
ALLOWED = {("training", "ranking")}  # the prompt that is trained is the prompt that is served
HEAVY = {"numpy", "torch", "transformers", "vllm", "trl", "ranx", "scipy", "bm25s", "Stemmer", "ir_datasets",
         "ir_measures", "pytrec_eval", "openai", "httpx", "jnius", "pyserini", "datasets", "pandas", "numba",
         "matplotlib"}  # fmt: skip


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name for name in found if name.split(".")[0] == "rearank_cli"}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_point_one_way(path: Path) -> None:
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for module in imports(path):
        other = room(module)
        assert other == own or RANK[other] < RANK[own] or (own, other) in ALLOWED, f"{own} imports {module}"


def test_no_circle_of_imports() -> None:
    graph = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = imports(path) - {name}
    done: set[str] = set()
    while ready := {name for name in graph if name not in done and graph[name] & graph.keys() <= done}:
        done |= ready
    assert done == graph.keys(), f"in a circle: {graph.keys() - done}"


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_files_fit_on_a_few_screens(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def printed_and_loaded(*args: str, **environment: str) -> tuple[str, set[str]]:
    """What a command prints, and the top-level modules that it loads."""
    script = (
        "import sys\nsys.argv = ['rearank', *sys.argv[1:]]\nfrom rearank_cli.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *args],
        capture_output=True, text=True, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.stdout
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize(
    "args", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)], ids=" ".join
)
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    _, loaded = printed_and_loaded(*args)
    assert not loaded & HEAVY


def test_the_commands_are_imported_without_pydantic() -> None:  # newer typers load it to read a command line
    modules = "; ".join(f"import rearank_cli.commands.{name}" for name in COMMANDS)
    script = f"import sys; {modules}; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
