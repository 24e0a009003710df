"""A run taken apart into numbers says what a reader says that goes line by line."""

import math
from io import BufferedReader, BytesIO
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.errors import DataError
from rearank_cli.evaluation import columns, lines, runs
from rearank_cli.evaluation.columns import read_columns
from rearank_cli.evaluation.lines import Columns
from rearank_cli.evaluation.runs import read_run
from rearank_cli.formats.streams import Source
from rearank_cli.formats.trec import run_lines, twice

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
def run_line(draw: st.DrawFn) -> str:
    """A line of a run, more often right than wrong."""
    if draw(st.booleans()):
        place = draw(st.integers(0, 300))
        return f"q{place // 100} Q0 d{place} {place % 100 + 1} {draw(st.floats(-9, 9))} tag{place}\n"
    fields = draw(st.lists(FIELDS, min_size=4, max_size=8))
    return "".join(field + draw(SEPARATORS) for field in fields[:-1]) + fields[-1] + draw(ENDS)


@st.composite
def tidy_line(draw: st.DrawFn) -> str:
    """A line that is right, of few queries and documents, so that ties and repeats come up."""
    qid, docid, rank, score = (draw(st.integers(0, 4)) for _ in range(4))
    comment = "# a\n\n" * draw(st.sampled_from([0, 0, 0, 0, 0, 1]))
    return f"{comment}q{qid} Q0 {'d' * docid}{docid % 2}{draw(st.sampled_from(['', '', 'ü']))} {rank} {score} t\n"


def read_at_once(*blocks: bytes) -> Columns:
    return read_columns("run.trec", blocks)[0]


def line_numbers(found: Columns) -> list[int]:
    return [found.number(place) for place in found.places(np.arange(len(found.scores))).tolist()]


def regular(*blocks: bytes) -> bool:
    """Whether the blocks are read without the reader that goes line by line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "run_lines", lambda *_: pytest.fail("line by line"))
        try:
            read_at_once(*blocks)
        except pytest.fail.Exception:
            return False
    return True


@given(NUMBERS)
def test_a_score_is_pythons_float_of_its_text(text: str) -> None:
    line = f"q Q0 d 1 {text} t\n".encode()
    try:
        value = math.nan if "_" in text else float(text)  # `1_0` is a number to Python alone
    except ValueError:
        value = math.nan
    assert regular(line) == math.isfinite(value)
    if math.isfinite(value):
        assert read_at_once(line).scores.tolist() == [value]


Said = tuple[dict[str, list[tuple[str, float]]], tuple[str, ...], str]
"""qid -> docid and score in trec_eval's order; queries whose ranks and scores disagree; the tag."""


def at_once(data: bytes) -> Said | str:
    try:
        run = read_run(source(data))
    except DataError as error:
        return str(error)
    return {qid: list(row.items()) for qid, row in run.scores.items()}, run.disordered, run.tag


def line_by_line(data: bytes) -> Said | str:
    """What the rules say, one line after the other."""
    rows: dict[str, dict[str, tuple[float, float]]] = {}
    tag = ""
    try:
        if not source(data).peek():
            return "run.trec: expected candidates or a run, found nothing; did a stage fail?"
        for line in run_lines(source(data).lines(), "run.trec"):
            row = rows.setdefault(line.qid, {})
            if line.docid in row:
                raise twice("run.trec", line)
            row[line.docid] = (float(line.rank) if line.rank.isdecimal() else math.nan), line.score
            tag = line.tag
    except DataError as error:
        return str(error)
    if not rows:
        return "run.trec: expected lines of a run, found comments only"
    disordered = []
    for qid, row in rows.items():
        by_rank = [score for _, score in sorted(row.values(), key=lambda pair: pair[0])]
        ranked = not any(math.isnan(rank) for rank, _ in row.values())
        if ranked and any(after > before for before, after in pairwise(by_rank)):
            disordered.append(qid)
    lists = {qid: [(docid, score) for docid, (_, score) in row.items()] for qid, row in rows.items()}
    with np.errstate(over="ignore"):
        for row_ in lists.values():
            row_.sort(key=lambda pair: (np.float32(pair[1]), pair[0].encode()), reverse=True)
    return lists, tuple(disordered), tag


@settings(max_examples=500)
@given(
    st.one_of(
        st.lists(run_line(), max_size=12),
        st.lists(tidy_line(), max_size=12),
        st.lists(run_line() | tidy_line()),
    ),
    st.sampled_from([1, 40, 1 << 20]),
    st.sampled_from([1, 3, 1 << 17]),
)
def test_the_fast_reader_and_a_plain_one_agree_on_any_text(
    texts: list[str], block: int, at_a_time: int
) -> None:
    """Whatever is read, and whatever is sorted, at once: a line, a few, all."""
    data = "".join(texts).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "BLOCK", block)
        patch.setattr(lines, "AT_ONCE", at_a_time)
        assert at_once(data) == line_by_line(data)


REGULAR = b"q1 Q0 d1 1 2.5 first\nq2\tQ0 d1 1 -1e-2 t\nq1 Q0 d2 2 1.5 last\n"


def test_what_a_regular_run_holds() -> None:
    """The lines of a query that comes back stand together; where they stood is known."""
    assert regular(REGULAR[:21], REGULAR[21:])
    found, tag = read_columns("run.trec", [REGULAR[:21], REGULAR[21:]])
    assert (found.qids, found.sizes.tolist(), tag) == (["q1", "q2"], [2, 1], "last")
    assert found.docids.texts() == ["d1", "d2", "d1"]
    assert (found.ranks.tolist(), found.scores.tolist()) == ([1, 2, 1], [2.5, 1.5, -0.01])
    assert line_numbers(found) == [1, 3, 2]


@pytest.mark.parametrize(
    "line",
    ["q Q0 d 1 2.5\n", "q Q0 d 1 2.5 t t\n", "q  d 1 2.5 t\n", "# Q0 d 1 2.5 t\n", "\n", "q Q0 ü 1 2.5 t\n",
     "q Q0 d - 2.5 t\n", "q Q0 d 1.0 2.5 t\n", "q Q0 d 1 inf t\n", "q\x1cQ0 d 1 2.5 t\n", "q\nQ0 d 1 2.5 t "],
)  # fmt: skip
def test_what_is_not_regular_is_left_to_the_careful_reader(line: str) -> None:
    assert not regular(REGULAR, line.encode())


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
    assert regular(REGULAR, line.encode())
    found, tag = read_columns("run.trec", [REGULAR, line.encode()])
    assert (found.qids, found.docids.texts()[-1], tag) == (["q1", "q2", "q"], "d", "t")


def test_a_block_that_is_not_regular_leaves_the_others_as_they_are() -> None:
    found, tag = read_columns("run.trec", [REGULAR, b"# a\n\nq1 Q0 \xc3\xbc - 2 t\n#\n", b"q3 Q0 d 1 1 u\n"])
    assert (found.qids, found.sizes.tolist(), tag) == (["q1", "q2", "q3"], [3, 1, 1], "u")
    assert found.docids.texts() == ["d1", "d2", "ü", "d1", "d"]
    assert line_numbers(found) == [1, 3, 6, 2, 8]


def test_ranks_that_contradict_the_scores() -> None:
    data = b"a Q0 x 2 9.0 t\na Q0 y 1 8.0 t\nb Q0 x 2 1.0 t\nb Q0 y 1 2.0 t\nc Q0 x 1 1 t\nc Q0 y 2 2 t\n"
    assert read_run(source(data)).disordered == ("a", "c")


def test_a_document_that_stands_twice_is_named_with_its_line() -> None:
    with pytest.raises(DataError, match=r"run.trec:3: document 'd1' stands twice for query 'q1'"):
        read_run(source(REGULAR.replace(b"d2", b"d1")))


def test_the_first_of_two_faults_is_named() -> None:
    wrong, twice_in_q1, good = b"q3 Q0 d\n", b"q1 Q0 d2 9 0 t\n", b"q1 Q0 d3 3 1 t\n"
    for faults, line in ((twice_in_q1 + wrong, 4), (wrong + twice_in_q1, 4), (good + twice_in_q1 * 2, 5)):
        with pytest.raises(DataError, match=rf"run.trec:{line}:"):
            read_run(source(REGULAR + faults))


@pytest.mark.parametrize("line", ["q1 Q0 a 1 2 t\n", "q1 Q0 ü 1 2 t\n", "q1 Q0 a 1 2 t\nq2 Q0 a 1 2 t\n"])
def test_input_that_says_one_thing_for_ever_is_refused(line: str) -> None:
    with pytest.raises(DataError, match=r"run.trec:[23]: document '[aü]' stands twice for query 'q1'"):
        read_run(Source("run.trec", Endless(line.encode())))


class Endless(BytesIO):
    """A stream of one line, again and again."""

    def peek(self, size: int = 0) -> bytes:
        return self.getvalue()

    def read(self, size: int | None = -1) -> bytes:
        return self.getvalue() * 10

    readline = read


@pytest.mark.parametrize("data", [b"word", b"\xef\xbb\xbfword", b"a b", b"\n\nword"])
def test_a_few_words_without_a_line_end_are_no_run(data: bytes) -> None:
    with pytest.raises(DataError, match=r"run.trec:[13]: expected six columns .* found [12]"):
        read_run(source(data))


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
