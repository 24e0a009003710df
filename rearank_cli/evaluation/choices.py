"""What a user may choose: light enough for a help page."""

from enum import StrEnum


class Format(StrEnum):
    """How figures are written."""

    TABLE = "table"
    TSV = "tsv"
    JSON = "json"
    MARKDOWN = "markdown"
    LATEX = "latex"


class Test(StrEnum):
    """A paired, two-sided test that the mean difference is zero."""

    __test__ = False  # no test of pytest's

    STUDENT = "student"
    """Student's t-test."""
    FISHER = "fisher"
    """Fisher's randomisation test: the signs of the differences are exchangeable."""
    BOOTSTRAP = "bootstrap"
    """The differences, moved to a mean of zero, are drawn again with replacement."""
    NONE = "none"


class Fusion(StrEnum):
    """How runs become one."""

    RRF = "rrf"
    """Reciprocal rank fusion: the sum of 1 / (60 + rank)."""
    ISR = "isr"
    """Inverse square rank."""
    BORDA = "bordafuse"
    SUM = "sum"
    """CombSUM, of scores between 0 and 1 within a query."""
    MNZ = "mnz"
    """CombMNZ, likewise."""
    MAX = "max"
    """CombMAX, likewise."""
