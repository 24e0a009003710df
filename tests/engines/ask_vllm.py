"""vLLM in a process of its own, so that nothing of it is left in the tests' process.

    python -m tests.engines.ask_vllm MODEL < ASKED

ASKED is one JSON object: "sampling", "options", "opens" (what the template opens), "prompts" (lists of token
ids), and "impossible", options under which vLLM must refuse to start, or null. stdout gets one JSON object:
"context", "capacity", "completions" and "refusal"; whatever vLLM prints there breaks the test.
"""

import json
import sys
from dataclasses import asdict

from rearank_cli.engines.protocol import Sampling
from rearank_cli.engines.vllm import VllmEngine, VllmOptions
from rearank_cli.errors import Unavailable
from tests.engines.asking import answers, ids_prompt


def main() -> None:
    """Ask, answer, close."""
    asked = json.load(sys.stdin)
    refusal = ""
    if asked["impossible"]:
        try:
            VllmEngine(sys.argv[1], Sampling(1), VllmOptions(**asked["impossible"]))
        except Unavailable as error:
            refusal = str(error)
    sampling, options = Sampling(**asked["sampling"]), VllmOptions(**asked["options"])
    engine = VllmEngine(sys.argv[1], sampling, options, opens=asked["opens"])
    completions = answers(engine, [ids_prompt(ids) for ids in asked["prompts"]])
    said = {
        "context": engine.context,
        "capacity": engine.capacity,
        "refusal": refusal,
        "completions": [asdict(c) for c in completions],
    }
    engine.close()
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
