"""Fixtures: running `rearank` as a process or in process, and the shared data."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    stdout: str
    stderr: str
    status: int


Run = Callable[..., Finished]


def _environment() -> dict[str, str]:
    """The environment of a child: this Python first on PATH, so that `rearank` is this checkout's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**kept, "PATH": path}


@pytest.fixture
def rearank() -> Run:
    """Run `rearank ARGS` as a process; a status other than the one awaited fails the test."""

    def run(*args: str, stdin: str | bytes = b"", status: int = 0, **env: str) -> Finished:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [sys.executable, "-m", "rearank_cli", *args],
            input=data, capture_output=True, check=False, env={**_environment(), **env}, timeout=300,
        )  # fmt: skip
        finished = Finished(done.stdout.decode(), done.stderr.decode(), done.returncode)
        assert finished.status == status, f"status {finished.status}, not {status}: {finished.stderr}"
        assert "Traceback" not in finished.stderr, finished.stderr
        return finished

    return run


@pytest.fixture
def shell() -> Run:
    """Run a pipeline in bash with pipefail; `status` is awaited as in `rearank`."""

    def run(script: str, *, status: int = 0, cwd: Path | None = None, **env: str) -> Finished:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script],
            stdin=subprocess.DEVNULL, capture_output=True, check=False, cwd=cwd,
            env={**_environment(), **env}, timeout=600,
        )  # fmt: skip
        finished = Finished(done.stdout.decode(), done.stderr.decode(), done.returncode)
        assert finished.status == status, f"status {finished.status}, not {status}: {finished.stderr}"
        return finished

    return run


class Shared(type(Path())):  # type: ignore[misc]  # PosixPath on this system
    """A folder in which a test that reaches for what is not there is skipped."""

    def __truediv__(self, name: str) -> Path:
        path: Path = super().__truediv__(name)
        if not path.exists():
            pytest.skip(f"{path} is not there; recipes/data/fetch.sh fetches most of the shared data")
        return path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public test data that is not ours to ship; tests that need it are skipped without it."""
    folder = Path(os.environ.get("REARANK_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set REARANK_SHARED_DATA to their folder")
    return Shared(folder)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep indexes and prompts of the tests out of the user's cache."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
