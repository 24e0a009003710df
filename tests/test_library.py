"""`rearank rerank` as a function says and does what the command does."""

import pytest

from rearank_cli.engines.opening import EngineOptions
from rearank_cli.errors import TryLater
from rearank_cli.library import rerank
from rearank_cli.records import Candidates, Hit, Query

CANDIDATES = Candidates(Query("1", "cats"), (Hit("a", 2.0, "dogs"), Hit("b", 1.0, "cats")))


def test_a_model_whose_own_prompt_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = EngineOptions(base_url=("http://127.0.0.1:9/v1",), retries=0)
    with pytest.raises(TryLater):
        next(rerank([CANDIDATES], "le723z/Rearank-7B", engine=nobody))
    assert (
        "le723z/Rearank-7B is asked by its authors in words that are not on this machine"
        in capsys.readouterr().err
    )
