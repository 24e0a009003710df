"""Values of options: what is meant, or one sentence."""

import pytest

from rearank_cli.commands.rerank_options import duration
from rearank_cli.errors import UsageError


@pytest.mark.parametrize(
    "text", ["", "..5s", "1.2.3s", ".", "1.", "-1", "1e5", "nan", "2 h", "1w", "٣s", "9" * 400]
)
def test_what_is_no_duration_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="expected a duration"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1.5h", 5400.0), ("0s", 0.0), ("1d2h", 93600.0), ("0.25", 0.25)]
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds
