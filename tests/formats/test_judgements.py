"""Judgements are read a block at a time, or line by line where one is odd: with the same outcome."""

from io import BufferedReader, BytesIO

import pytest

from rearank_cli.errors import DataError
from rearank_cli.formats.streams import Source
from rearank_cli.formats.trec import read_qrels


def source(data: bytes) -> Source:
    return Source("qrels.txt", BufferedReader(BytesIO(data)))


JUDGEMENTS = [f"q{number // 1000} 0 d{number} {number % 4 - 1}\n" for number in range(5000)]


def test_judgements_are_the_same_whether_a_line_is_odd_or_not() -> None:
    plain = read_qrels(source("".join(JUDGEMENTS).encode()))
    odd = [*JUDGEMENTS[:2500], "# a comment\n", JUDGEMENTS[2500].replace(" ", "  "), *JUDGEMENTS[2501:]]
    assert read_qrels(source("".join(odd).encode())) == plain
    assert len(plain) == 5
    assert plain["q4"]["d4999"] == 2


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("q9 0 d1\n", "qrels.txt:5001: expected a whole number as grade, found 'd1'"),
        ("q9 d1\n", "qrels.txt:5001: expected judgements as `qid 0 docid grade`, found 2 columns"),
        ("q9 0 d1 100001\n", "qrels.txt:5001: expected a grade of at most 100000, found 100001"),
        ("q9 0 d1 -100001\n", "qrels.txt:5001: expected a grade of at most 100000, found -100001"),
        ("q9 0 d\0 1\n", "qrels.txt:5001: expected text, found a NUL byte; is this another kind of file?"),
        ("q9 0 d1 1.0\n", "qrels.txt:5001: expected a whole number as grade, found '1.0'"),
        ("q9 0 d1 1_0\n", "qrels.txt:5001: expected a whole number as grade, found '1_0'"),
        ("q9 0 d1 \u0663\n", "qrels.txt:5001: expected a whole number as grade, found '\u0663'"),
        ("q0 0 d1 3\n", "qrels.txt:5001: document 'd1' is judged twice for query 'q0', 0 and 3; keep one"),
    ],
)
def test_an_error_deep_in_judgements_names_its_line(bad: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_qrels(source("".join([*JUDGEMENTS, bad, *JUDGEMENTS[:9]]).encode()))
    assert str(caught.value) == message
