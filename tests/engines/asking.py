"""What tests of every engine do: make prompts, keep an engine full, take what it gives."""

from collections.abc import Iterable, Sequence

from rearank_cli.engines.protocol import Engine
from rearank_cli.engines.tokenizer import ChatTokenizer
from rearank_cli.records import Completion, Message, Prompt


def chat_prompt(text: str) -> Prompt:
    """A prompt as chat turns, for engines that tokenise by themselves."""
    return Prompt("q", ("d1", "d2"), "0", messages=(Message("user", text),))


def ids_prompt(ids: Iterable[int]) -> Prompt:
    """A prompt as token ids."""
    return Prompt("q", ("d1", "d2"), "0", ids=tuple(ids))


def text_prompt(tokenizer: ChatTokenizer, text: str) -> Prompt:
    """The token ids of a bare text."""
    return ids_prompt(tokenizer.encode([text])[0])


def answers(engine: Engine, prompts: Sequence[Prompt]) -> list[Completion]:
    """Ask all, never more at once than the engine takes, and return the completions in order."""
    done: dict[int, Completion] = {}
    asked = 0
    while len(done) < len(prompts):
        while asked < len(prompts) and asked - len(done) < engine.capacity:
            engine.submit(asked, prompts[asked])
            asked += 1
        done.update(engine.collect())
    return [done[key] for key in range(len(prompts))]
