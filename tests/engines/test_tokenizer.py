"""A model folder's tokenizer and chat template may hold anything: it ends as one sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="the extra `local` is not installed")

from rearank_cli.engines.tokenizer import ChatTokenizer, context_of
from rearank_cli.errors import DataError, RearankError
from rearank_cli.records import Message
from tests.engines.tiny import make_tokenizer

CHAT = [Message("user", "rank these passages")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_tokenizer().save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('no system turns') }}",
        "{{ 1 / 0 }}",
        "{{ 10.0 ** 400 }}",
        "{{ range(10 ** 9) | list }}",
        "{{ messages + 1 }}",
        "{{ messages[0].content.nothing.there }}",
        "{{ helper() }}",
        "{{ messages | nothing }}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ 'x' * 10 ** 15 }}",
        "{{ 'x' * 2_000_000 }}",
        "{% for m in messages %}",
        "{% include 'other' %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    ],
)
def test_a_chat_template_that_fails_is_one_sentence(folder: Path, template: str) -> None:
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    tokenizer = ChatTokenizer(str(folder))
    with pytest.raises(DataError, match="its chat template (refuses|adds)") as caught:
        tokenizer.render(CHAT)
    assert str(caught.value).startswith(f"{folder}: ")
    assert len(str(caught.value)) < 500


def _put(path: tuple[str | int, ...], value: object) -> Callable[[dict[str, object]], None]:
    def change(data: dict[str, object]) -> None:
        place: object = data
        for key in path[:-1]:
            place = place[key]  # type: ignore[index]
        place[path[-1]] = value  # type: ignore[index]

    return change


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("tokenizer.json", ("model",), 5),
        ("tokenizer.json", ("model", "merges"), ["one"]),
        ("tokenizer.json", ("pre_tokenizer",), {"type": "None"}),
        ("tokenizer.json", ("pre_tokenizer", "pretokenizers", 0, "pattern"), {"Regex": "((("}),
        ("tokenizer.json", ("decoder",), []),
        ("tokenizer.json", ("truncation",), True),
        ("tokenizer_config.json", ("tokenizer_class",), 5),
        ("tokenizer_config.json", ("tokenizer_class",), ["x"]),
        ("tokenizer_config.json", ("model_max_length",), {}),
    ],
)
def test_a_damaged_tokenizer_is_one_sentence(
    folder: Path, name: str, path: tuple[str | int, ...], value: object
) -> None:
    data = json.loads((folder / name).read_text(encoding="utf-8"))
    _put(path, value)(data)
    (folder / name).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(RearankError) as caught:
        tokenizer = ChatTokenizer(str(folder))
        tokenizer.encode([tokenizer.render(CHAT)])
    assert str(caught.value).startswith(f"{folder}: ")
    assert caught.value.status in (65, 66)


@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b"\xff", b"5", b"null", b'{"version": "1.0"'])
def test_a_tokenizer_file_that_is_none_is_one_sentence(folder: Path, data: bytes) -> None:
    (folder / "tokenizer.json").write_bytes(data)
    with pytest.raises(RearankError) as caught:
        ChatTokenizer(str(folder))
    assert caught.value.status in (65, 66)


@pytest.mark.parametrize(
    "config",
    [
        [],
        {"model_type": 5},
        {"model_type": "qwen2", "max_position_embeddings": "many"},
        {"model_type": ["x"]},
    ],
)
def test_a_damaged_configuration_is_one_sentence(tmp_path: Path, config: object) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(RearankError) as caught:
        context_of(str(tmp_path))
    assert caught.value.status in (65, 66)


def test_the_panic_of_a_library_is_one_sentence_and_a_request_to_stop_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):
        """As pyo3 raises it."""

    tokenizer = ChatTokenizer(str(folder))
    for raised, seen in ((PanicException("index"), DataError), (KeyboardInterrupt(), KeyboardInterrupt)):

        def fails(*_: object, error: BaseException = raised, **__: object) -> object:
            raise error

        monkeypatch.setattr(tokenizer, "inner", fails)
        with pytest.raises(seen):
            tokenizer.encode(["text"])
