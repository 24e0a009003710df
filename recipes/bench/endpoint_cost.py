"""CPU of one request to a server: our endpoint engine against the openai client's `create()`.

    python recipes/bench/endpoint_cost.py [--requests 200] [--rounds 5]

Prompts of 44 turns (20 passages of 400 characters with their acknowledgements); a server in a process of its
own answers at once. CPU seconds of this whole process, threads included, in turn, medians over the rounds.
"""

import argparse
import random
import statistics
import sys
import time
from multiprocessing import Process, Queue
from pathlib import Path

from rearank_cli.engines.endpoint import Endpoint, EndpointEngine
from rearank_cli.ranking.compose import ChatComposer
from rearank_cli.ranking.prompts import load
from rearank_cli.records import Hit, Prompt, Query, Sampling

IN_FLIGHT = 32


def serve(urls: "Queue[str]") -> None:
    """Run the server."""
    sys.path.insert(0, str(Path(__file__).parent))
    from latency_server import LatencyServer

    server = LatencyServer(ms_per_token=0.0)
    urls.put(server.url)
    server.serve_forever()


def prompts(count: int) -> list[Prompt]:
    """Return prompts of random words."""
    drawn, compose = random.Random(0), ChatComposer(load("rearank"))
    words = ["".join(drawn.choices("abcdefghij", k=drawn.randint(2, 9))) for _ in range(500)]
    hits = [Hit(f"d{i}", 1.0, " ".join(drawn.choices(words, k=80))) for i in range(200)]
    return [compose(Query(f"q{n}", f"query {n}"), drawn.sample(hits, 20)) for n in range(count)]


def ours(url: str, asked: list[Prompt]) -> float:
    """Return CPU milliseconds a request of our engine, its start left out."""
    engine = EndpointEngine("m", Sampling(100), Endpoint(base_urls=(url,), concurrency=IN_FLIGHT))
    started, waiting, flying = time.process_time(), list(enumerate(asked)), 0
    while waiting or flying:
        while waiting and flying < IN_FLIGHT:
            engine.submit(*waiting.pop())
            flying += 1
        flying -= len(engine.collect(5.0))
    engine.close()
    return 1e3 * (time.process_time() - started) / len(asked)


def theirs(url: str, asked: list[Prompt]) -> float:
    """Return CPU milliseconds a request of `create()`."""
    import openai

    client = openai.OpenAI(base_url=url, api_key="none")
    started = time.process_time()
    for prompt in asked:
        turns = [{"role": message.role, "content": message.content} for message in prompt.messages]
        client.chat.completions.create(model="m", messages=turns, max_tokens=100, temperature=0.0)  # type: ignore[arg-type]
    return 1e3 * (time.process_time() - started) / len(asked)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU of a request to a server.")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    urls: Queue[str] = Queue()
    process = Process(target=serve, args=(urls,), daemon=True)
    process.start()
    url, asked = urls.get(), prompts(options.requests)
    ours(url, asked[:20])
    theirs(url, asked[:20])
    rows = [(ours(url, asked), theirs(url, asked)) for _ in range(options.rounds)]
    process.terminate()
    own, client = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"our engine: {own:.2f} ms a request; create(): {client:.2f} ms; ratio {client / own:.1f}")


if __name__ == "__main__":
    main()
