"""The fast reader of runs and the careful one say the same, and a message names the line."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.errors import DataError
from rearank_cli.formats import regular
from rearank_cli.formats import scores as fast
from rearank_cli.formats.streams import Source
from rearank_cli.formats.trec import read_qrels, read_run

SEPARATORS = st.sampled_from([" ", " ", " ", " ", "\t", "  ", "\u00a0", "\x1c", "\r"])
FIELDS = st.sampled_from(
    [
        "q1",
        "q2",
        "Q0",
        "d1",
        "ü",
        "1",
        "-2",
        "0.5",
        ".5",
        "01",
        "1e3",
        "1,2",
        "1_0",
        "true",
        "nan",
        "inf",
        "#x",
    ]
)
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n", " \n", ""])


def source(data: bytes) -> Source:
    return Source("run.trec", io.BufferedReader(io.BytesIO(data)))


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A line of a run, more often right than wrong."""
    if draw(st.booleans()):
        place = draw(st.integers(0, 300))
        return f"q{place // 100} Q0 d{place} {place % 100 + 1} {draw(st.floats(-9, 9))} tag\n"
    fields = draw(st.lists(FIELDS, min_size=4, max_size=8))
    return "".join(field + draw(SEPARATORS) for field in fields[:-1]) + fields[-1] + draw(ENDS)


@settings(max_examples=500)
@given(st.lists(lines(), max_size=12), st.sampled_from([1, 40, 1 << 16]))
def test_both_readers_agree_on_any_text(texts: list[str], block: int) -> None:
    data = "".join(texts).encode()
    old, regular.BLOCK = regular.BLOCK, block
    try:
        outcomes = [outcome(data, careful=careful) for careful in (False, True)]
    finally:
        regular.BLOCK = old
    assert outcomes[0] == outcomes[1]


def outcome(data: bytes, *, careful: bool) -> object:
    try:
        if careful:
            run = read_run(source(data))
            return [(row.query.qid, [(hit.docid, hit.score) for hit in row.hits]) for row in run]
        scores = fast.read_scores(source(data)).by_query
        # read_run ranks what it read by score; a stable sort of the file's order is what it must equal.
        return [(qid, sorted(row.items(), key=lambda hit: -hit[1])) for qid, row in scores.items()]
    except DataError as error:
        return str(error)


REGULAR = "".join(f"q{n // 1000} Q0 d{n} {n % 1000 + 1} {-n}.5 tag\n" for n in range(5000))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("q9 Q0 d1 1 2.0\n", "run.trec:5001: expected six columns (qid Q0 docid rank score tag), found 5"),
        ("q9 Q0 d1 1 2.0 my tag\n", "run.trec:5001: expected six columns"),
        ("q9 Q0 d1 1 nan tag\n", "run.trec:5001: expected a finite number as score (column 5), found 'nan'"),
        ("q4 Q0 d4999 1 2.0 tag\n", "run.trec:5001: document 'd4999' stands twice for query 'q4'"),
        ("q9 Q0 d\0 1 2.0 tag\n", "run.trec:5001: expected text, found a NUL byte"),
        ("q9 Q0 d\xe9 1 2.0 tag\n", "run.trec:5001: expected UTF-8 text, found the byte 0xe9"),
    ],
)
def test_an_error_deep_in_a_large_run_names_its_line(bad: str, message: str) -> None:
    data = REGULAR.encode() + bad.encode("latin-1") + REGULAR.replace("q", "r").encode()
    with pytest.raises(DataError) as caught:
        fast.read_scores(source(data))
    assert str(caught.value).startswith(message)


def test_a_regular_run_is_read_in_blocks_with_its_tag_and_its_odd_ranks() -> None:
    scores = fast.read_scores(source(REGULAR.encode() + b"q9 Q0 a 7 1.0 tag\nq9 Q0 b 3 2.0 last\n"))
    assert [len(ranking) for ranking in scores.by_query.values()] == [1000] * 5 + [2]
    assert (scores.odd_ranks, scores.tag) == ({"q9": ["7", "3"]}, "last")


def test_a_byte_order_mark_crlf_and_comments_are_simply_read() -> None:
    text = b"\xef\xbb\xbfq1 Q0 d1 1 2.0 t\r\n# a b c d e\nq1 Q0 d2 2 1.0 t\r\n"
    assert fast.read_scores(source(text)).by_query == {"q1": {"d1": 2.0, "d2": 1.0}}


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
        ("q9 0 d1\n", "run.trec:5001: expected a whole number as grade, found 'd1'"),
        ("q9 d1\n", "run.trec:5001: expected judgements as `qid 0 docid grade`, found 2 columns"),
        ("q9 0 d1 100001\n", "run.trec:5001: expected a grade of at most 100000, found 100001"),
        ("q9 0 d1 -100001\n", "run.trec:5001: expected a grade of at most 100000, found -100001"),
        ("q9 0 d\0 1\n", "run.trec:5001: expected text, found a NUL byte; is this another kind of file?"),
        ("q9 0 d1 1.0\n", "run.trec:5001: expected a whole number as grade, found '1.0'"),
        ("q0 0 d1 3\n", "run.trec:5001: document 'd1' is judged twice for query 'q0', 0 and 3; keep one"),
    ],
)
def test_an_error_deep_in_judgements_names_its_line(bad: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_qrels(source("".join([*JUDGEMENTS, bad, *JUDGEMENTS[:9]]).encode()))
    assert str(caught.value) == message
