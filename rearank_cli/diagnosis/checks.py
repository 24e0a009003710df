"""What is installed, and what of it works."""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

import orjson

from rearank_cli import __version__
from rearank_cli.diagnosis.findings import Finding, State
from rearank_cli.diagnosis.places import caches
from rearank_cli.diagnosis.probes import GPU, LUCENE, TRANSFORMERS, VLLM
from rearank_cli.diagnosis.servers import SERVER, server
from rearank_cli.engines.tokenizer import INSTALL
from rearank_cli.engines.vllm import INSTALL as INSTALL_VLLM
from rearank_cli.retrieval import lucene

PROBE_SECONDS = 120.0
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)[^;]*(;.*extra == ['\"](?P<extra>[\w-]+)['\"])?")
_NOT_FOR_USE = {"test", "all"}  # the extra to work on the program with, and the one that only names others


def examine(base_urls: Sequence[str] = (), api_key: str | None = None) -> Iterator[Finding]:
    """Yield all that can be said: versions, engines, GPU, Lucene, the servers named, caches.

    Heavy libraries are tried at the same time, each in a process of its own that is given 120 s.
    """
    yield from versions()
    with ThreadPoolExecutor() as pool:
        local = [pool.submit(try_) for try_ in (_torch, _vllm)]
        servers = [pool.submit(server, url, api_key) for url in base_urls]
        java = pool.submit(_lucene)
        for each in local:
            yield from each.result()
        yield Finding("engine endpoint", State.WORKS, "where a server answers: see --base-url")
        yield from (each.result() for each in servers)
        yield Finding("engine replay", State.WORKS, "where answers were recorded")
        yield from java.result()
    yield from caches()


def generates(findings: Sequence[Finding]) -> bool:
    """Return whether a prompt would be answered: by an engine in this process, or by a server that was named."""
    working = [each.part for each in findings if each.state is State.WORKS]
    return any(part in (TRANSFORMERS, VLLM) or part.startswith(SERVER) for part in working)


def versions() -> Iterator[Finding]:
    """Yield the program and what it needs, extra by extra."""
    machine = f"Python {platform.python_version()}, {platform.platform()}"
    yield Finding("rearank", State.WORKS, f"{__version__}, {machine}")
    for extra, names in _requirements().items():
        installed = {name: _version(name) for name in names}
        lacking = [name for name, number in installed.items() if not number]
        if lacking:
            target = f"rearank[{extra}]" if extra else "rearank"
            state = State.ABSENT if extra else State.BROKEN
            text = f"without {', '.join(lacking)}; pip install '{target}'"
        else:
            state, text = State.WORKS, ", ".join(f"{name} {number}" for name, number in installed.items())
        yield Finding(f"extra {extra}" if extra else "base", state, text)


def _requirements() -> dict[str, list[str]]:
    """Return the distributions that each extra names ("" is the base), as the installed package says."""
    try:
        rows = requires("rearank") or []
    except PackageNotFoundError:  # run from a checkout
        rows = []
    found: dict[str, list[str]] = {}
    for row in rows:
        match = _REQUIREMENT.match(row)
        if match and match["name"] != "rearank" and match["extra"] not in _NOT_FOR_USE:
            found.setdefault(match["extra"] or "", []).append(match["name"])
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _torch() -> list[Finding]:
    lacking = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if not lacking:
        return probed("torch", TRANSFORMERS)
    driver = "nvidia-smi is here" if shutil.which("nvidia-smi") else "nvidia-smi is not here"
    return [
        Finding(TRANSFORMERS, State.ABSENT, f"without {' and '.join(lacking)}; {INSTALL}"),
        Finding(GPU, State.ABSENT, f"unknown without torch and transformers; {driver}"),
    ]


def _vllm() -> list[Finding]:
    if find_spec("vllm") is None:
        return [Finding(VLLM, State.ABSENT, f"not installed; {INSTALL_VLLM}")]
    return probed("vllm", VLLM)


def _lucene() -> list[Finding]:
    if lacking := lucene.missing():
        return [
            Finding(LUCENE, State.ABSENT, f"without {', '.join(lacking)}; pip install 'rearank[pyserini]'")
        ]
    return probed("lucene", LUCENE)


def probed(name: str, part: str, seconds: float = PROBE_SECONDS) -> list[Finding]:
    """Return the findings of a probe; where it does not come to its end, that is one more, about `part`."""
    command = [sys.executable, "-m", "rearank_cli.diagnosis.probes", name]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return [Finding(part, State.BROKEN, f"its import did not end within {seconds:g} s")]
    rows = [orjson.loads(line) for line in done.stdout.splitlines()]
    findings = [Finding(row["part"], State(row["state"]), row["text"]) for row in rows]
    if done.returncode:
        said = (done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1][:200]
        text = f"its import ended the process with status {done.returncode}: {said}"
        findings.append(Finding(part, State.BROKEN, text))
    return findings
