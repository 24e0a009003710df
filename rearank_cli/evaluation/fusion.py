"""Several runs become one: a listwise order without the first stage can destroy a strong list."""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from tempfile import TemporaryDirectory

from rearank_cli.console import note
from rearank_cli.datasets import catalogue
from rearank_cli.errors import OutputError, Unavailable, UsageError
from rearank_cli.evaluation.choices import Fusion
from rearank_cli.evaluation.rankings import Ranking, Rankings
from rearank_cli.evaluation.runs import Run, without_ties
from rearank_cli.formats.trec import dataset_of
from rearank_cli.places import home, writable
from rearank_cli.records import Candidates, Hit, Query

NOBODY = "<no document>"
RRF_CONSTANT = 60
BY_SCORE = (Fusion.SUM, Fusion.MNZ, Fusion.MAX)


def fuse(runs: Sequence[Run], method: Fusion) -> Iterator[Candidates]:
    """Return the fused run, best first; a query that a run lacks is fused from the others.

    RRF is computed here (Cormack et al., SIGIR 2009: the sum of 1 / (60 + rank)), the rest by ranx. Ranks are
    trec_eval's, ties broken by docid.

    Raises:
        UsageError: fewer than two runs.
        Unavailable: ranx is not installed.
    """
    if len(runs) < 2:
        raise UsageError(f"--fuse {method}: expected two runs or more, found {len(runs)}")
    by_ranx = method is not Fusion.RRF
    fused = Rankings.of(_by_ranx(runs, method)) if by_ranx else Rankings.gathered(_reciprocal(runs))
    tag = f"{_dataset(runs)}:{method}"
    return (
        Candidates(Query(qid, ""), tuple(Hit(docid, score) for docid, score in ranking.items()), tag)
        for qid, ranking in fused.items()
    )


def _dataset(runs: Sequence[Run]) -> str:
    names = {dataset_of(run.tag) for run in runs}
    return names.pop() or "-" if len(names) == 1 else "-"


def _queries(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(qid for run in runs for qid in run.scores))


def _reciprocal(runs: Sequence[Run]) -> Iterator[tuple[str, Ranking]]:
    for qid in _queries(runs):
        sums: Ranking = {}
        for run in runs:
            for rank, docid in enumerate(run.scores.get(qid, ()), 1):
                sums[docid] = sums.get(docid, 0.0) + 1 / (RRF_CONSTANT + rank)
        yield qid, sums


@contextmanager
def _room_for_ranx() -> Iterator[None]:
    """Give what ranx imports and compiles a folder for a while, if the user's own cannot be written.

    Raises:
        OutputError: there is no folder for temporary files either.
    """
    try:
        spare = TemporaryDirectory()
    except FileNotFoundError as error:
        raise OutputError(
            f"ranx needs a folder for temporary files ({error}); name one with TMPDIR"
        ) from error
    with spare as folder:
        if not catalogue.usable():
            os.environ["IR_DATASETS_HOME"] = folder
        if not writable(home() / ".cache"):
            os.environ.setdefault("NUMBA_CACHE_DIR", folder)
        yield


def _by_ranx(runs: Sequence[Run], method: Fusion) -> dict[str, Ranking]:
    if find_spec("ranx") is None:
        raise Unavailable(f"--fuse {method} needs ranx: pip install 'rearank[compare]', or say --fuse rrf")
    note("ranx compiles what it needs the first time, which takes a minute or two")
    # ranx wants every query in every run; a list of one document that nobody has stands for none.
    qids = _queries(runs)
    whole = [{qid: _plain(run.scores.get(qid, {NOBODY: 0.0}), method) for qid in qids} for run in runs]
    with _room_for_ranx(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba's, on ranx's own casts
        import ranx

        fused = ranx.fuse(
            [ranx.Run.from_dict(of_run) for of_run in whole],
            norm="min-max" if method in BY_SCORE else None,
            method=str(method),
        )
    return {
        qid: {docid: float(score) for docid, score in ranking.items() if docid != NOBODY}
        for qid, ranking in fused.to_dict().items()
    }


def _plain(ranking: Ranking, method: Fusion) -> Ranking:
    return ranking if method in BY_SCORE else without_ties(ranking)
