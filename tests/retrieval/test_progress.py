"""A long pass over documents says how far it is, and changes nothing of them."""

import sys

import pytest

from rearank_cli.datasets.documents import Document
from rearank_cli.retrieval import progress

DOCUMENTS = [Document(str(number), "text") for number in range(5)]


def test_elsewhere_than_on_a_terminal_a_line_comes_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY", 2)
    assert list(progress.counted(DOCUMENTS, "indexing", total=0)) == DOCUMENTS
    assert capsys.readouterr().err == "rearank: indexing: 2 documents\nrearank: indexing: 4 documents\n"


@pytest.mark.parametrize("total", [0, 5])
def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch, total: int) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(progress.counted(DOCUMENTS, "indexing", total)) == DOCUMENTS
