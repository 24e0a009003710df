"""What is said on stderr about servers: everything once, whatever comes after it."""

import re

from rearank_cli.console import LOG_SECONDS, note
from rearank_cli.engines.chat_completions import keeps_to, prompt_was_cut
from rearank_cli.engines.faults import Fault
from rearank_cli.records import Completion, Prompt, Sampling


class Remarks:
    """Remembers what was said. `pattern_is_ignored` once an answer did not match the pattern asked for."""

    def __init__(self) -> None:
        self.pattern_is_ignored = False
        self._said: set[tuple[str, str]] = set()
        self._waited_at = float("-inf")

    def fault(self, server: str, fault: Fault) -> None:
        """Say that a server failed, and that this is not the end."""
        self._once(server, fault.kind, f"{server}: {fault.what}; trying again, here and after faults like it")

    def set_aside(self, server: str, fault: Fault) -> None:
        """Say that a server is asked nothing more."""
        self._once(server, "aside", f"{server}: {fault.what}; the other servers go on without it")

    def refusal(self, server: str, qid: str, fault: Fault) -> None:
        """Say why a prompt was refused; reasons that differ in numbers and quotations are the same."""
        alike = re.sub(r"\S*[0-9]\S*", "0", re.sub(r"(['\"`]).*?\1", "", fault.what))
        self._once("refused", alike, f"query {qid}: {server} refuses the prompt for good: {fault.what}")

    def waiting(self, server: str, fault: Fault, since: float, left: float, now: float) -> None:
        """Say, once a minute at most, that servers are waited for."""
        if now - max(since, self._waited_at) >= LOG_SECONDS:
            self._waited_at = now
            waited, more = (f"{seconds / 60:.0f} min" for seconds in (now - since, left))
            note(f"{server}: {fault.what}; no server answers since {waited}, waiting for {more} more at most")

    def answer(self, prompt: Prompt, sampling: Sampling, completion: Completion) -> None:
        """Say what an answer shows of its server: a prompt that was cut, a pattern that was not kept."""
        if sampling.pattern is not None and not keeps_to(sampling.pattern, completion):
            self.pattern_is_ignored = True
            words = "an answer does not match the pattern of --constrain: the server does not heed"
            self._once("", "pattern", f"query {prompt.qid}: {words} 'structured_outputs'")
        sent = prompt_was_cut(prompt, completion.prompt_tokens)
        if sent:
            counted = f"the server counts {completion.prompt_tokens} tokens of a prompt of at least {sent}"
            cure = "it has cut the prompt; raise its context (Ollama: num_ctx)"
            self._once("", "cut", f"query {prompt.qid}: {counted}: {cure}")

    def _once(self, about: str, what: str, message: str) -> None:
        if (about, what) not in self._said:
            self._said.add((about, what))
            note(message)
