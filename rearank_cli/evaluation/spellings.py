"""A measure in anyone's spelling: trec_eval's, ir_measures' or ranx's; ir_measures' name is printed."""

import difflib
import re
from collections.abc import Iterable

from ir_measures import Measure, parse_measure, parse_trec_measure
from ir_measures.measures import registry
from pytrec_eval import supported_measures, supported_nicknames

from rearank_cli.errors import UsageError
from rearank_cli.formats.trec import GREATEST_GRADE

GREATEST_GAIN = 1 << 20  # trec_eval's memory grows with the greatest one
RANX = {
    "ndcg": "nDCG",
    "ndcg_burges": "nDCG(dcg='exp-log2')",
    "precision": "P",
    "recall": "R",
    "hit_rate": "Success",
    "mrr": "RR",
    "map": "AP",
    "r-precision": "Rprec",
    "bpref": "Bpref",
}
_OWN = {measure.NAME for measure in registry.values()}
_ANY_CASE = {name.lower(): name for name in registry if name.isascii()}
_RANX_SPELLING = re.compile(r"(?P<name>[a-z_-]+)(@(?P<cutoff>\d+))?(-l(?P<grade>\d+))?")
_TREC_SPELLING = re.compile(r"(?P<name>\w+?)([._]\d+(\.\d+)?(,\d+(\.\d+)?)*)?")
_PARAMETERS = re.compile(r"[@(].*|[._]\d.*")
_MISSING = re.compile(r"(\w+)=<object")  # how ir_measures says that a parameter was not given
# Beyond these, trec_eval's code fills the memory or counts wrong. Of `gains`, grades and what each is worth.
_RANGES: dict[str, tuple[int, int]] = {
    "cutoff": (1, 10**9), "rel": (1, GREATEST_GRADE), "gains": (0, GREATEST_GAIN), "recall": (0, 1), "p": (0, 1),
    "beta": (0, 10**6),
}  # fmt: skip
_AT = re.compile(r"(?P<name>\w+)(?P<rest>[@(].*)?")


def measures_of(spelling: str, min_grade: int = 1) -> tuple[Measure, ...]:
    """Return the measures of one spelling; trec_eval's families (`P`, `recall`, `official`) are several.

    `min_grade` is the lowest grade that counts as relevant (trec_eval's -l) in measures that know only
    relevant or not, unless the spelling has its own, as in `AP(rel=2)`.

    >>> [measures_of(name) for name in ("ndcg_cut.10", "ndcg_cut_10", "nDCG@10", "ndcg@10")]
    [(nDCG@10,), (nDCG@10,), (nDCG@10,), (nDCG@10,)]
    >>> measures_of("P.5,10"), measures_of("recall@100-l2"), measures_of("map", min_grade=2)
    ((P@5, P@10), (R(rel=2)@100,), (AP(rel=2),))

    Raises:
        UsageError: no such measure, or a parameter that it does not have.
    """
    measures = _trec(spelling) or _ranx(spelling) or _ir_measures(spelling)
    if not measures:
        raise UsageError(f"unknown measure {spelling!r}; {_nearest(spelling)}")
    return tuple(_graded(_valid(spelling, measure), min_grade) for measure in measures)


def all_of(spellings: Iterable[str], min_grade: int) -> tuple[Measure, ...]:
    """Return the measures of all spellings; raises as `measures_of`, and UsageError for a grade out of range."""
    if not 1 <= min_grade <= GREATEST_GRADE:
        raise UsageError(
            f"--min-grade {min_grade}: expected a grade from 1, since one below is never relevant, to {GREATEST_GRADE}"
        )
    return tuple(measure for spelling in spellings for measure in measures_of(spelling, min_grade))


def depth(measures: Iterable[Measure]) -> int:
    """Return the largest cutoff, 0 where no measure has one.

    >>> depth([*measures_of("ndcg@10"), *measures_of("map")])
    10
    """
    return max((measure["cutoff"] for measure in measures if "cutoff" in measure.params), default=0)


def _trec(spelling: str) -> tuple[Measure, ...]:
    """Read `ndcg_cut.10`, `P_5,10`, `map` or a family; () for what trec_eval or ir_measures does not name."""
    if spelling in supported_nicknames:
        names = sorted(supported_nicknames[spelling])
        return tuple(measure for name in names for measure in _trec(name))
    match = _TREC_SPELLING.fullmatch(spelling)
    if match is None or match["name"] not in supported_measures:
        return ()
    try:
        return tuple(parse_trec_measure(spelling))
    except ValueError:
        return ()


def _ranx(spelling: str) -> tuple[Measure, ...]:
    """Read `ndcg@10`, `mrr`, `recall@100-l2`; () for any other."""
    match = _RANX_SPELLING.fullmatch(spelling)
    if match is None or match["name"] not in RANX:
        return ()
    measure = parse_measure(RANX[match["name"]])
    if match["cutoff"]:
        measure = measure @ int(match["cutoff"])
    return (measure(rel=int(match["grade"])) if match["grade"] else measure,)


def _ir_measures(spelling: str) -> tuple[Measure, ...]:
    """Read `nDCG@10`, `AP(rel=2)@100`, `rr@10` (in any case); () for any other."""
    match = _AT.fullmatch(spelling)
    if match is None:
        return ()
    name = match["name"] if match["name"] in registry else _ANY_CASE.get(match["name"].lower(), "")
    try:
        return (parse_measure(name + (match["rest"] or "")),)
    except (ValueError, NameError):
        return ()


def _valid(spelling: str, measure: Measure) -> Measure:
    """Return the measure. Raises UsageError for a parameter that is missing, unknown or out of its range."""
    try:
        measure.validate_params()
    except AssertionError as error:
        reason = str(error)
        missing = _MISSING.search(reason)
        if missing:
            example = repr(measure(**{missing[1]: 10}))
            reason = f"a {missing[1]} is needed, as in {example}"
        raise UsageError(f"measure {spelling!r}: {reason}") from error
    for name, (least, most) in _RANGES.items():
        values = measure.params.get(name, least)
        numbers = [*values, *values.values()] if isinstance(values, dict) else [values]
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int | float) or not least <= number <= most:
                raise UsageError(
                    f"measure {spelling!r}: expected {name} from {least} to {most}, found {number!r}"
                )
    return measure


def _graded(measure: Measure, min_grade: int) -> Measure:
    """Return the measure with `rel` set, where it has a `rel` that the spelling left open."""
    info = measure.SUPPORTED_PARAMS.get("rel")
    counts_relevant = measure.NAME == "NumRet" and measure.params.get("rel") == 1  # trec_eval's num_rel_ret
    left_open = info is not None and info.default == 1 and "rel" not in measure.params
    return measure(rel=min_grade) if min_grade != 1 and (left_open or counts_relevant) else measure


def _nearest(spelling: str) -> str:
    """Say which spellings come nearest, with the parameters that were given.

    >>> _nearest("ndgc@10"), _nearest("ndgc_cut.10")
    ('did you mean nDCG@10 or ndcg@10?', 'did you mean ndcg_cut.10?')
    """
    name, rest = _PARAMETERS.split(spelling, maxsplit=1)[0], "".join(_PARAMETERS.findall(spelling)[:1])
    named = {name for name in supported_measures if _trec(name)}
    pool = named if rest.startswith((".", "_")) else {*RANX, *_OWN}
    lower = {entry.lower() for entry in pool}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    words = sorted(entry + rest for entry in pool if entry.lower() in close)
    if not words or not re.fullmatch(r"([@._]\d+)?", rest):
        return "expected a name such as nDCG@10, ndcg_cut.10, R@100, mrr@10, map or AP(rel=2)@100"
    return f"did you mean {' or '.join(words)}?"
