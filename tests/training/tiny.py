"""Lists without meaning and a random model that is trained for a step or two; nothing is downloaded."""

import json
from pathlib import Path

from tests.engines.tiny import random_model

SETTINGS = (
    "device=cpu", "steps=2", "prompts=2", "rollouts=4", "mini_batch=1", "micro_batch=4", "kl=0.01",
    "learning_rate=1e-3",
    "prompt_tokens=2000", "answer_tokens=40", "eval_share=0.4", "eval_limit=2", "eval_every=1", "save_every=1",
)  # fmt: skip


def row(qid: str, draw: int = 1, grades: tuple[int, ...] = (0, 1, 0), **more: object) -> dict[str, object]:
    """One list, as augment writes it."""
    return {
        "query": {"qid": qid, "text": f"words of {qid}"},
        "candidates": [
            {"docid": f"d{place}", "score": 1.0, "doc": {"text": f"passage {place} {draw}"}, "grade": grade}
            for place, grade in enumerate(grades)
        ],
        "draw": draw,
        **more,
    }


def lists(place: Path, queries: int = 5, draws: int = 2) -> str:
    """Write some lists and return their path."""
    rows = [row(f"q{query}", draw) for query in range(queries) for draw in range(1, draws + 1)]
    place.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return str(place)


def model(folder: Path) -> str:
    """Write a random model and return its path."""
    return str(random_model(folder))


def settings(*more: str) -> list[str]:
    """The arguments of a quick run on a CPU."""
    return [part for setting in (*SETTINGS, *more) for part in ("--set", setting)]
