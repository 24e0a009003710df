"""Recorded answers from rank_llm's logs, in the layout that `rerank --engine replay` reads.

    python completions.py CANDIDATES.json LOG.json > completions.jsonl

A log holds prompts and responses, window by window, 20 passages, step 10, query after query in the order of
the candidates; which passages a window showed follows from the answers before it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rearank_cli.ranking.permutation import parse

WINDOW, STEP = 20, 10


def responses(log: str) -> list[str]:
    """Return the answers of a log: JSON objects with commas between, and perhaps after, with or without [ ]."""
    return [entry["response"] for entry in json.loads(f"[{log.strip().strip('[],').strip()}]")]


def rows(candidates: list[dict], answers: Iterator[str]) -> Iterator[dict]:
    """Yield one row a window: the query, the passages as presented, the answer."""
    for query in candidates:
        qid = str(query["hits"][0]["qid"])
        docids = [str(hit["docid"]) for hit in query["hits"]]
        for start in range(len(docids) - WINDOW, -1, -STEP):
            shown = docids[start : start + WINDOW]
            answer = next(answers)
            yield {"qid": qid, "docids": shown, "completion": answer}
            docids[start : start + WINDOW] = [shown[place] for place in parse(answer, len(shown)).order]


def main() -> None:
    """Convert one log."""
    candidates = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers = iter(responses(Path(sys.argv[2]).read_text(encoding="utf-8")))
    for row in rows(candidates, answers):
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
