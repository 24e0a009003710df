"""What a benchmark claims, one line each: what was asked, what came out, PASS or FAIL."""

import sys
from dataclasses import dataclass


@dataclass
class Claims:
    """Prints claims as they are settled and remembers how many did not hold."""

    failed: int = 0

    def settle(self, asked: str, came: str, *, holds: bool) -> None:
        """Print one line."""
        self.failed += not holds
        print(f"{'PASS' if holds else 'FAIL'}  {asked}: {came}", flush=True)

    def end(self) -> None:
        """End the program, with 1 where a claim did not hold."""
        sys.exit(1 if self.failed else 0)
