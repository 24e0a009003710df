"""A run taken apart into numbers says what the reader says that goes line by line."""

from io import BufferedReader, BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.errors import DataError
from rearank_cli.evaluation import runs
from rearank_cli.evaluation.columns import read_columns
from rearank_cli.evaluation.runs import Run, read_run
from rearank_cli.formats.streams import Source

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e6, 1e6).map(lambda value: f"{value:.6f}"),
    st.from_regex(r"-?[0-9]{0,17}\.?[0-9]{0,17}", fullmatch=True),
    st.sampled_from(
        ["-", ".", "1-2", "--1", "1.2.3", "+5", "1_0", "-.5", "5.", "1,5", "0x1", "Infinity", "nan"]
    ),
)


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
    return Source("run.trec", BufferedReader(BytesIO(data)))


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A line of a run, more often right than wrong."""
    if draw(st.booleans()):
        place = draw(st.integers(0, 300))
        return f"q{place // 100} Q0 d{place} {place % 100 + 1} {draw(st.floats(-9, 9))} tag\n"
    fields = draw(st.lists(FIELDS, min_size=4, max_size=8))
    return "".join(field + draw(SEPARATORS) for field in fields[:-1]) + fields[-1] + draw(ENDS)


@given(NUMBERS)
def test_a_score_is_pythons_float_of_its_text(text: str) -> None:
    columns = read_columns([f"q Q0 d 1 {text} t\n".encode()], bytearray()) if text else None
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    assert (columns is None) == (not np.isfinite(value))
    if columns:
        assert columns.scores.tolist() == [value]


def outcome(data: bytes) -> Run | str:
    try:
        return read_run(source(data))
    except DataError as error:
        return str(error)


@settings(max_examples=500)
@given(st.lists(lines(), max_size=12), st.sampled_from([1, 40, 1 << 20]))
def test_the_fast_way_and_the_careful_one_agree_on_any_text(texts: list[str], block: int) -> None:
    data = "".join(texts).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "BLOCK", block)
        fast = outcome(data)
        patch.setattr(runs, "read_columns", lambda blocks, taken: None)
        careful = outcome(data)
    assert fast == careful
    if isinstance(fast, Run) and isinstance(careful, Run):
        assert [list(row) for row in fast.scores.values()] == [list(row) for row in careful.scores.values()]


REGULAR = b"q1 Q0 d1 1 2.5 first\nq2\tQ0 d1 1 -1e-2 t\nq1 Q0 d2 2 2.5 last\n"


def test_what_a_regular_run_holds() -> None:
    columns = read_columns([REGULAR[:21], REGULAR[21:]], bytearray())
    assert columns is not None
    assert (columns.qids, columns.tag) == (["q1", "q2"], "last")
    assert columns.queries.tolist() == [0, 1, 0]
    assert columns.docids.texts() == ["d1", "d1", "d2"]
    assert (columns.ranks.tolist(), columns.scores.tolist()) == ([1, 1, 2], [2.5, -0.01, 2.5])


@pytest.mark.parametrize(
    "line",
    ["q Q0 d 1 2.5\n", "q Q0 d 1 2.5 t t\n", "q  d 1 2.5 t\n", "# Q0 d 1 2.5 t\n", "\n", "q Q0 ü 1 2.5 t\n",
     "q Q0 d - 2.5 t\n", "q Q0 d 1.0 2.5 t\n", "q Q0 d 1 inf t\n", "q\x1cQ0 d 1 2.5 t\n", "q\nQ0 d 1 2.5 t "],
)  # fmt: skip
def test_what_is_not_regular_is_left_to_the_careful_reader(line: str) -> None:
    assert read_columns([REGULAR, line.encode()], bytearray()) is None


@pytest.mark.parametrize(
    "line",
    [
        "q Q0 d 1 2.5 t\r\n",
        "q  Q0\t\td 1   2.5 t\n",
        " q Q0 d 1 2.5 t \n",
        "q Q0 d 1 2.5 t",
        "q Q0\rd 1 2.5 t\n",
    ],
)
def test_what_only_lacks_tidiness_is_regular(line: str) -> None:
    columns = read_columns([REGULAR, line.encode()], bytearray())
    assert columns is not None
    assert (columns.qids, columns.docids.texts()[-1], columns.tag) == (["q1", "q2", "q"], "d", "t")


def test_ranks_that_contradict_the_scores() -> None:
    data = b"a Q0 x 2 9.0 t\na Q0 y 1 8.0 t\nb Q0 x 2 1.0 t\nb Q0 y 1 2.0 t\nc Q0 x 1 1 t\nc Q0 y 2 2 t\n"
    assert read_run(source(data)).disordered == ("a", "c")


def test_a_document_that_stands_twice_is_named_with_its_line() -> None:
    with pytest.raises(DataError, match=r"run.trec:3: document 'd1' stands twice for query 'q1'"):
        read_run(source(REGULAR.replace(b"d2", b"d1")))


def test_input_that_says_one_thing_for_ever_is_refused() -> None:
    with pytest.raises(DataError, match=r"run.trec:2: document 'a' stands twice for query 'q1'"):
        read_run(Source("run.trec", Endless()))


class Endless(BytesIO):
    """A stream of one line, again and again."""

    def peek(self, size: int = 0) -> bytes:
        return b"q1 Q0 a 1 2 t"

    def read(self, size: int | None = -1) -> bytes:
        return b"q1 Q0 a 1 2 t\n" * 10

    readline = read


def test_a_file_of_comments_is_no_run() -> None:
    with pytest.raises(DataError, match="run.trec: expected lines of a run, found comments only"):
        read_run(source(b"# nothing\n"))


LARGE = "".join(f"q{n // 1000} Q0 d{n} {n % 1000 + 1} {-n}.5 tag\n" for n in range(5000))


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
    data = LARGE.encode() + bad.encode("latin-1") + LARGE.replace("q", "r").encode()
    with pytest.raises(DataError) as caught:
        read_run(source(data))
    assert str(caught.value).startswith(message)


def test_a_byte_order_mark_crlf_and_comments_are_simply_read() -> None:
    text = b"\xef\xbb\xbfq1 Q0 d1 1 2.0 t\r\n# a b c d e\nq1 Q0 d2 2 1.0 t\r\n"
    assert {qid: dict(row) for qid, row in read_run(source(text)).scores.items()} == {
        "q1": {"d1": 2.0, "d2": 1.0}
    }
