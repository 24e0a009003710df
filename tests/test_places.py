"""Where things are kept, for a user without a home or with one that cannot be written."""

from pathlib import Path

import pytest

from rearank_cli import places
from rearank_cli.formats.provenance import clean_argument
from tests.conftest import Run


@pytest.fixture
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the system does not know, as in a container: Python finds no home for him."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)


@pytest.mark.usefixtures("_nobody")
def test_a_user_without_a_home_has_a_folder_that_cannot_be_there() -> None:
    assert places.cache_folder() == Path("/nonexistent/.cache/rearank")
    assert clean_argument("/nowhere/a") == "/nowhere/a"


@pytest.mark.parametrize(
    ("place", "can"), [("", True), ("new/folder", True), ("file", False), ("file/new", False)]
)
def test_a_folder_can_be_written_or_made(tmp_path: Path, place: str, can: bool) -> None:
    (tmp_path / "file").touch()
    assert places.writable(tmp_path / place) is can


@pytest.mark.parametrize("home", ["/dev/null", "/dev/null/me"])
def test_no_command_breaks_without_a_home_that_can_be_written(
    rearank: Run, tmp_path: Path, home: str
) -> None:
    nowhere = {"HOME": home, "XDG_CACHE_HOME": "", "IR_DATASETS_HOME": "", "PYSERINI_CACHE": ""}
    found = rearank("retrieve", "--dataset", "demo", "--hits", "2", **nowhere)
    assert "the index is not kept" in found.stderr
    (tmp_path / "in.jsonl").write_text(found.stdout)
    rearank("retrieve", "--list", **nowhere)
    rearank("evaluate", str(tmp_path / "in.jsonl"), **nowhere)
    refused = rearank("retrieve", "--dataset", "beir/scifact", status=74, **nowhere)
    assert "name one with IR_DATASETS_HOME" in refused.stderr
