"""What becomes of requests, and what that says of those still to come: whether the run can go on."""

import time

from rearank_cli.engines.faults import WORDS, Fault, Kind
from rearank_cli.engines.patience import Patience, Trial
from rearank_cli.engines.remarks import Remarks
from rearank_cli.errors import TryLater, Unavailable
from rearank_cli.records import Completion, Prompt, Sampling

_FAILED_IN_A_ROW = 5  # requests given up with none answered in between: the rest would fare no better
_REFUSED_QUERIES = 5  # queries that were refused, and nothing answered: the rest would fare no better


class Results:
    """Counts what was answered, refused and given up; `answered` is a number of requests."""

    def __init__(self, patience: Patience, remarks: Remarks) -> None:
        self.answered = 0
        self._patience = patience
        self._remarks = remarks
        self._failed_in_a_row = 0
        self._refused_queries: set[str] = set()

    def took(self, prompt: Prompt, sampling: Sampling, completion: Completion) -> Completion:
        """Count an answer."""
        self.answered += 1
        self._failed_in_a_row = 0
        self._patience.answered()
        self._remarks.answer(prompt, sampling, completion)
        return completion

    def refused(self, server: str, prompt: Prompt, fault: Fault) -> Completion:
        """Count a prompt that was refused for good, and say why.

        Raises:
            Unavailable: so it went for several queries, and nothing was answered.
        """
        self._refused_queries.add(prompt.qid)
        queries = len(self._refused_queries)
        if not self.answered and queries >= _REFUSED_QUERIES:
            so_far = f"so it went for {queries} queries, nothing was answered, and asking again is no use"
            raise Unavailable(f"{server}: {fault.what}; {so_far}")
        self._remarks.refusal(server, prompt.qid, fault)
        return Completion("", finish="refused", reason=fault.what[:WORDS])

    def given_up(self, server: str, trial: Trial) -> Completion:
        """Count a request that failed to the end.

        Raises:
            Unavailable: this is no such server.
            TryLater: the server is down, and answered nothing at all while this was tried; or several failed.
        """
        fault, tries = trial.faults[-1], len(trial.faults)
        self._failed_in_a_row += 1
        if fault.kind is Kind.FOREIGN and not self.answered:
            raise Unavailable(f"{server}: {fault.what}")
        down = fault.kind is Kind.DOWN and trial.begun_at == self.answered
        if down or self._failed_in_a_row >= _FAILED_IN_A_ROW:
            tried = f", in the last of {tries} tries" if tries > 1 else ""
            raise TryLater(f"{server}: {fault.what}{tried}; try again later")
        return Completion("", finish="error", reason=fault.what[:WORDS])

    def failed(self, server: str, fault: Fault) -> None:
        """Say that an attempt failed and another one follows."""
        self._remarks.fault(server, fault)
        now, since = time.monotonic(), self._patience.down_since
        if since is not None and self._patience.left(now) > 0:
            self._remarks.waiting(server, fault, since, self._patience.left(now), now)
