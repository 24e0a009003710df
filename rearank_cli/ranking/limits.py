"""Whether a run is worth its name: how many answers may fail, be unreadable, or need repair."""

from dataclasses import dataclass

from rearank_cli.console import note
from rearank_cli.errors import DataError, TryLater
from rearank_cli.ranking.health import Health
from rearank_cli.records import Outcome

MOSTLY = 50.0  # percent of repaired answers above which a caution is given


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Percentages (0 to 100) of a run's answers that may be malformed, repaired, or failed and refused together.

    None is no limit.
    """

    max_malformed: float = 50.0
    max_repaired: float | None = None
    fail_above: float = 0.0


def check_limits(health: Health, limits: Limits, *, prompt: str, left: str) -> None:
    """Compare a finished run with its limits; give a caution if most of its answers were repaired.

    `prompt` is the name of the prompt; `left` says what the same command would do.

    Raises:
        TryLater: more requests failed than allowed, which may pass.
        DataError: more were refused for good, could not be read, or were repaired than allowed.
    """
    _check_failures(health, limits, left)
    malformed = 100 * health.share(lambda outcome: outcome.is_malformed)
    if malformed > limits.max_malformed:
        raise DataError(
            f"{number(malformed)} % of the answers were truncated or empty, more than --max-malformed "
            f"{limits.max_malformed:g}: expected a model that answers {prompt!r} prompts; look at them with --trace, "
            "or raise --max-tokens"
        )
    repaired = 100 * health.share(lambda outcome: outcome.is_repaired)
    found = f"{number(repaired)} % of the answers left passages out, repeated them or made some up"
    if limits.max_repaired is not None and repaired > limits.max_repaired:
        raise DataError(
            f"{found}, more than --max-repaired {limits.max_repaired:g}: expected orders of all passages; "
            "look at them with --trace"
        )
    if repaired > MOSTLY:
        note(
            f"caution: {found}; what is left out keeps its order, so that this may be mostly the order that came in"
        )


def _check_failures(health: Health, limits: Limits, left: str) -> None:
    failed = 100 * health.share(lambda outcome: outcome is Outcome.FAILED)
    if failed > limits.fail_above:
        raise TryLater(
            f"{number(failed)} % of the requests failed, more than --fail-above {limits.fail_above:g}; those windows "
            f"keep their order; {left}"
        )
    failed = 100 * health.share(lambda outcome: outcome.is_failure)
    if failed > limits.fail_above:
        reasons = "; ".join(f"{reason} ({count} times)" for reason, count in health.refusals.most_common(3))
        raise DataError(
            f"the server refused {number(failed)} % of the requests for good, more than --fail-above "
            f"{limits.fail_above:g}: {reasons}; mend what was sent, or let those windows keep their order with "
            "--fail-above; with --trace they are not asked for again, unless by --retry-refused"
        )


def number(percent: float) -> str:
    """Return a percentage as it is read: two digits if it is small.

    >>> number(100.0), number(66.6667), number(0.0634)
    ('100', '67', '0.063')
    """
    return f"{percent:.0f}" if percent >= 10 else f"{percent:.2g}"
