"""A large run is held in a few bytes a line, whatever the order of its lines and whoever computes the measure."""

import tracemalloc
from io import BufferedReader, BytesIO

import pytest

from rearank_cli.evaluation import lines, runs
from rearank_cli.evaluation.measures import evaluate
from rearank_cli.evaluation.runs import read_run
from rearank_cli.evaluation.spellings import measures_of
from rearank_cli.formats.streams import Source

QUERIES, DEPTH = 400, 100
GROUPED = [
    f"{qid} Q0 {1_000_000 + qid * DEPTH + rank} {rank} {DEPTH - rank}.25 a-tag-that-takes-some-room\n"
    for qid in range(QUERIES)
    for rank in range(DEPTH)
]
BY_RANK = [GROUPED[qid * DEPTH + rank] for rank in range(DEPTH) for qid in range(QUERIES)]
QRELS = {str(qid): {str(1_000_000 + qid * DEPTH + qid % DEPTH): 1} for qid in range(QUERIES)}


@pytest.mark.parametrize(
    ("text", "most"),
    [
        (GROUPED, 64),
        (GROUPED[::-1], 64),
        (BY_RANK, 96),
        ([line.replace("Q0 ", "Q0 ü") for line in GROUPED], 64),
    ],
    ids=["sorted", "reversed", "by rank", "line by line"],
)
def test_a_line_takes_a_few_bytes(monkeypatch: pytest.MonkeyPatch, text: list[str], most: int) -> None:
    """Its docid and five numbers, and where queries come back, their order; what is looked at at once is small."""
    monkeypatch.setattr(runs, "BLOCK", 1 << 13)
    monkeypatch.setattr(lines, "AT_ONCE", 1 << 8)
    source = Source("run.trec", BufferedReader(BytesIO("".join(text).encode())))
    measures = [measure for spelling in ("ndcg@10", "mrr@10", "map") for measure in measures_of(spelling)]
    evaluate(read_run(Source("run.trec", BufferedReader(BytesIO(b"0 Q0 d 1 1 t\n")))), QRELS, measures)
    tracemalloc.start()
    try:
        evaluate(read_run(source), QRELS, measures)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most * len(text) + (1 << 20)
