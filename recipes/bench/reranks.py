"""A job for the fault benchmarks: candidates, the command that reranks them, what its trace holds."""

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory import candidate_lines

from rearank_cli.ranking.windows import windows

WINDOW, STEP = 20, 10


@dataclass(frozen=True)
class Job:
    """Candidates of `queries` by `hits` in a folder, reranked through the server at `url`."""

    folder: Path
    url: str
    queries: int
    hits: int
    concurrency: int = 8
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = "".join(candidate_lines(self.queries, self.hits))
        (self.folder / "candidates.jsonl").write_text(lines, encoding="utf-8")

    @property
    def needed(self) -> int:
        """Windows that the whole job has."""
        return self.queries * len(windows(self.hits, size=WINDOW, step=STEP))

    @property
    def trace(self) -> Path:
        """The journal."""
        return self.folder / "trace.jsonl"

    @property
    def run(self) -> Path:
        """The output."""
        return self.folder / "run.trec"

    def command(self, *more: str) -> list[str]:
        """Return the command line without trace and output."""
        asked = ["rerank", str(self.folder / "candidates.jsonl"), "--base-url", self.url, "--model", "m"]
        how = ["--window", str(WINDOW), "--step", str(STEP), "--concurrency", str(self.concurrency)]
        return [sys.executable, "-m", "rearank_cli", *asked, *how, *self.options, *more]

    def kept(self) -> list[str]:
        """Return the command line with trace and output: what is called again and again."""
        return self.command("--trace", str(self.trace), "-o", str(self.run))

    def start(self, *, most_bytes: int | None = None) -> "subprocess.Popen[bytes]":
        """Start the command; no file that it writes may have more than `most_bytes`."""
        limit = None if most_bytes is None else lambda: limit_files(most_bytes)
        return subprocess.Popen(self.kept(), stderr=subprocess.PIPE, preexec_fn=limit)

    def end(self, *, most_bytes: int | None = None) -> tuple[int, str]:
        """Run the command to its end and return its status and what it said."""
        process = self.start(most_bytes=most_bytes)
        _, said = process.communicate(timeout=900)
        return process.returncode, said.decode()

    def uninterrupted(self) -> bytes:
        """Return the run that one call writes, without a trace."""
        return subprocess.run(self.command("--quiet"), stdout=subprocess.PIPE, check=True, timeout=900).stdout

    def replayed(self) -> bytes:
        """Return the run that the trace alone gives."""
        asked = ["rerank", str(self.folder / "candidates.jsonl"), "--replay", str(self.trace), "--quiet"]
        how = ["--window", str(WINDOW), "--step", str(STEP), "--tag", "-:candidates:m"]
        replay = [sys.executable, "-m", "rearank_cli", *asked, *how]
        return subprocess.run(replay, stdout=subprocess.PIPE, check=True, timeout=900).stdout

    def begin_anew(self) -> None:
        """Forget trace and run."""
        self.trace.unlink(missing_ok=True)
        self.run.unlink(missing_ok=True)

    def answers(self) -> list[dict[str, Any]]:
        """Return the answers that the trace holds, without a torn last line and without failed requests."""
        lines = self.trace.read_bytes().splitlines(keepends=True) if self.trace.exists() else []
        rows = [json.loads(line) for line in lines if line.endswith(b"\n")]
        return [row for row in rows if "completion" in row and row["finish"] != "error"]

    def facts(self) -> dict[str, Any]:
        """Return the run's provenance."""
        facts: dict[str, Any] = json.loads(self.run.with_name("run.trec.json").read_bytes())
        return facts


def limit_files(most_bytes: int) -> None:
    """Let this process write no file longer than this."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
