"""The transformers engine on tiny models, in float32 on the CPU."""

import json
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra local")

from rearank_cli.engines.protocol import Sampling  # noqa: E402
from rearank_cli.engines.tokenizer import ChatTokenizer, context_of  # noqa: E402
from rearank_cli.engines.transformers import TransformersEngine  # noqa: E402
from rearank_cli.errors import DataError, MissingInput, RearankError, Unavailable  # noqa: E402
from rearank_cli.ranking.asking import read  # noqa: E402
from rearank_cli.ranking.prompts import Template, Turn  # noqa: E402
from rearank_cli.ranking.tokens import TokenComposer  # noqa: E402
from rearank_cli.records import Completion, Hit, Message, Outcome, Permutation, Prompt, Query  # noqa: E402
from tests.engines import tiny  # noqa: E402
from tests.engines.asking import answers, ids_prompt, text_prompt  # noqa: E402

GREEDY = Sampling(16)
PROMPTS = [ids_prompt(range(10 + 3 * n, 40 + 17 * n)) for n in range(9)]  # 30 to 142 tokens


@pytest.fixture(scope="module")
def tokenizer(random_model: Path) -> ChatTokenizer:
    return ChatTokenizer(str(random_model))


@pytest.fixture(scope="module")
def clock(clockwork: Path) -> ChatTokenizer:
    return ChatTokenizer(str(clockwork))


def texts(completions: list[Completion]) -> list[str]:
    return [completion.text for completion in completions]


def test_batches_of_different_lengths_answer_as_one_by_one(tokenizer: ChatTokenizer) -> None:
    alone = answers(TransformersEngine(tokenizer, GREEDY, batch=1), PROMPTS)
    together = answers(TransformersEngine(tokenizer, GREEDY, batch=4), PROMPTS)
    assert texts(together) == texts(alone)
    assert len(set(texts(alone))) == len(PROMPTS)
    assert [got.prompt_tokens for got in together] == [len(prompt.ids) for prompt in PROMPTS]


def test_a_models_own_defaults_do_not_leak_into_decoding(tokenizer: ChatTokenizer, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(tokenizer.model, bare)
    own = json.loads((bare / "generation_config.json").read_text())
    assert own["repetition_penalty"] == 1.9
    (bare / "generation_config.json").write_text(json.dumps({"eos_token_id": own["eos_token_id"]}))
    without = answers(TransformersEngine(ChatTokenizer(str(bare)), GREEDY), PROMPTS)
    assert texts(answers(TransformersEngine(tokenizer, GREEDY), PROMPTS)) == texts(without)


def test_completions_end_at_the_answer_at_an_end_token_or_at_their_length(clock: ChatTokenizer) -> None:
    chat = clock.render([Message("user", "rank")])
    prompts = [
        text_prompt(clock, text) for text in (chat, "rank stop", "rank loop", "stop stop stop stop stop")
    ]
    got = answers(TransformersEngine(clock, Sampling(20)), prompts)
    written = len(clock.encode([tiny.ANSWER])[0])
    assert [(one.text, one.finish, one.output_tokens) for one in got] == [
        (tiny.ANSWER, "stop", written),
        (" end", "stop", 2),
        (" loop" * 20, "length", 20),
        (" end", "stop", 2),
    ]


def test_an_answer_that_is_quoted_in_the_reasoning_ends_nothing(quoting: Path) -> None:
    tokenizer = ChatTokenizer(str(quoting))
    chat = text_prompt(tokenizer, tokenizer.render([Message("user", "rank")]))
    (got,) = answers(TransformersEngine(tokenizer, Sampling(20)), [chat])
    assert (got.text, got.finish) == ("".join(tiny.QUOTING[:4]), "stop")
    assert read(chat, got) == Permutation((1, 0), Outcome.CLEAN)
    (short,) = answers(TransformersEngine(tokenizer, Sampling(2)), [chat])
    assert short.finish == "length"
    assert read(chat, short).order == (0, 1)


def test_a_forced_prompt_opens_the_reasoning_once(quoting: Path) -> None:
    tokenizer = ChatTokenizer(str(quoting))
    composer = TokenComposer(Template("t", (Turn("user", "{query} {passages}"),)), tokenizer)
    asked = composer(Query("q", "rank"), [Hit("a", 2.0, "x"), Hit("b", 1.0, "y")])
    forced = composer.forced(asked, "".join(tiny.QUOTING[:2]))
    assert forced.thought == "".join(tiny.QUOTING[:2]) + "\n[/THINK]\n<answer>"
    assert (
        tokenizer.decode(forced.ids) == tokenizer.decode(asked.ids).removesuffix("[THINK]") + forced.thought
    )


def test_a_fresh_sample_is_drawn_with_its_own_seed(tokenizer: ChatTokenizer) -> None:
    engine = TransformersEngine(tokenizer, GREEDY, batch=4)

    def sampled(seed: int) -> Prompt:
        return replace(PROMPTS[0], sampling=Sampling(16, temperature=1.0, seed=seed))

    greedy, one, other = answers(engine, [PROMPTS[0], sampled(1), sampled(2)])
    assert len({greedy.text, one.text, other.text}) == 3
    (later,) = answers(engine, [sampled(2)])
    assert later.text == other.text


def test_float32_on_a_cpu(tokenizer: ChatTokenizer) -> None:
    engine = TransformersEngine(tokenizer, GREEDY)
    assert engine.context == tiny.CONTEXT
    assert engine._model.dtype == (torch.bfloat16 if torch.cuda.is_available() else torch.float32)


class Cramped(TransformersEngine):
    """Runs out of memory above two prompts at once."""

    room = 2

    def _generate(self, prompts: list[Prompt]) -> list[Completion]:
        self.tried = [*self.tried, len(prompts)]
        if len(prompts) > self.room:
            self._out_of_memory()
        return super()._generate(prompts)

    def _out_of_memory(self) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore words")

    tried: list[int] = []  # noqa: RUF012 - replaced, never changed


@pytest.mark.parametrize(("free", "capacity"), [(None, 32), (2**40, 32), (2**20, 2)])
def test_a_batch_is_as_large_as_the_free_memory_suggests(
    tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch, free: int | None, capacity: int
) -> None:
    monkeypatch.setattr("rearank_cli.engines.transformers.free_memory", lambda: free)
    assert TransformersEngine(tokenizer, GREEDY).capacity == capacity


def test_the_batch_is_halved_where_memory_runs_out(tokenizer: ChatTokenizer) -> None:
    engine = Cramped(tokenizer, GREEDY, batch=8)
    got = answers(engine, PROMPTS)
    assert engine.tried == [8, 4, 2, 2, 2, 2, 1]
    assert texts(got) == texts(answers(TransformersEngine(tokenizer, GREEDY, batch=1), PROMPTS))


class CrampedCpu(Cramped):
    """The same on a CPU, where torch has no type for that error."""

    def _out_of_memory(self) -> None:
        torch.empty(1 << 60, dtype=torch.uint8)


def test_on_a_cpu_too_the_batch_is_halved_where_memory_runs_out(tokenizer: ChatTokenizer) -> None:
    engine = CrampedCpu(tokenizer, GREEDY, batch=4)
    assert len(answers(engine, PROMPTS[:4])) == 4
    assert engine.tried == [4, 2, 2]


def test_another_error_of_the_model_is_no_lack_of_memory(tokenizer: ChatTokenizer) -> None:
    class Broken(Cramped):
        def _out_of_memory(self) -> None:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        answers(Broken(tokenizer, GREEDY, batch=4), PROMPTS[:4])


def test_memory_too_small_for_one_window_is_one_sentence(tokenizer: ChatTokenizer) -> None:
    engine = Cramped(tokenizer, GREEDY, batch=8)
    engine.room = 0
    with pytest.raises(Unavailable, match=r"one window does not fit.*allocate 2 GiB\).*--window") as raised:
        answers(engine, PROMPTS[:2])
    assert "\n" not in str(raised.value)


def test_prompts_of_like_length_are_taken_with_the_one_that_waits_longest(tokenizer: ChatTokenizer) -> None:
    engine = TransformersEngine(tokenizer, Sampling(1), batch=2)
    for key, n in enumerate((20, 90, 25, 88)):
        engine.submit(key, ids_prompt(range(n)))
    assert [{key for key, _ in engine.collect()} for _ in range(3)] == [{0, 2}, {1, 3}, set()]


def test_a_lora_adapter_changes_what_is_written(tokenizer: ChatTokenizer, adapter: Path) -> None:
    plain = answers(TransformersEngine(tokenizer, GREEDY), PROMPTS)
    adapted = answers(TransformersEngine(tokenizer, GREEDY, adapter=str(adapter)), PROMPTS)
    assert texts(adapted) != texts(plain)


def test_what_is_no_adapter_is_one_sentence(tokenizer: ChatTokenizer, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"LoRA adapter, found no adapter_config\.json"):
        TransformersEngine(tokenizer, GREEDY, adapter=str(tmp_path))


def copied(model: Path, to: Path, *without: str) -> str:
    shutil.copytree(model, to, ignore=shutil.ignore_patterns(*without))
    return str(to)


def test_a_folder_without_a_tokenizer(random_model: Path, tmp_path: Path) -> None:
    folder = copied(
        random_model, tmp_path / "m", "tokenizer*", "vocab*", "merges*", "special*", "chat_template*"
    )
    with pytest.raises((MissingInput, DataError), match=r"no tokenizer|no chat template"):
        ChatTokenizer(folder)


def test_a_tokenizer_without_a_chat_template(random_model: Path, tmp_path: Path) -> None:
    folder = copied(random_model, tmp_path / "m", "chat_template*")
    with pytest.raises(DataError, match="no chat template.*instruct model"):
        ChatTokenizer(folder)


def test_a_folder_without_weights(random_model: Path, tmp_path: Path) -> None:
    folder = copied(random_model, tmp_path / "m", "*.safetensors")
    with pytest.raises(MissingInput, match=r"no model could be loaded.*weights"):
        TransformersEngine(ChatTokenizer(folder), GREEDY)


def test_a_model_of_another_kind(random_model: Path, tmp_path: Path) -> None:
    folder = copied(random_model, tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    (tmp_path / "m" / "config.json").write_text(json.dumps({**config, "model_type": "vit"}))
    tokenizer = ChatTokenizer(str(random_model))
    tokenizer.model = folder
    with pytest.raises(DataError, match="expected a causal language model"):
        TransformersEngine(tokenizer, GREEDY)


def test_code_that_a_model_folder_brings_is_not_run_unless_it_is_trusted(
    random_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, ran = copied(random_model, tmp_path / "m"), tmp_path / "ran"
    (tmp_path / "m" / "brought.py").write_text(
        f"from pathlib import Path\nPath({str(ran)!r}).touch()\n"
        "from transformers import Qwen2Config, Qwen2ForCausalLM\n"
        "class Config(Qwen2Config):\n    model_type = 'brought'\n"
        "class Model(Qwen2ForCausalLM):\n    config_class = Config\n",
        encoding="utf-8",
    )
    brought = {"AutoConfig": "brought.Config", "AutoModelForCausalLM": "brought.Model"}
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    tokenizer = ChatTokenizer(str(random_model))
    tokenizer.model = folder
    for kind in ("brought", config["model_type"]):
        changed = {**config, "model_type": kind, "auto_map": brought}
        (tmp_path / "m" / "config.json").write_text(json.dumps(changed))
        for load in (ChatTokenizer, context_of, lambda _folder: TransformersEngine(tokenizer, GREEDY)):
            with suppress(RearankError):  # a known kind is loaded by the library's own code
                load(folder)
    assert not ran.exists()
    (tmp_path / "m" / "config.json").write_text(
        json.dumps({**config, "model_type": "brought", "auto_map": brought})
    )
    with pytest.raises(RearankError):
        context_of(folder)
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    assert context_of(folder, trust_remote_code=True) == tiny.CONTEXT
    assert ran.exists()
