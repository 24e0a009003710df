"""Fixtures: tiny models, made once a session."""

from pathlib import Path

import pytest

from tests.engines import tiny


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights: what it writes means nothing, but is the same everywhere."""
    pytest.importorskip("transformers", reason="needs the extra local")
    return tiny.random_model(tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="session")
def clockwork(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers every chat with `tiny.ANSWER`."""
    pytest.importorskip("transformers", reason="needs the extra local")
    return tiny.clockwork_model(tmp_path_factory.mktemp("models") / "clockwork")


@pytest.fixture(scope="session", params=[False, True], ids=["marks it", "template marks it"])
def quoting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that quotes an answer while it thinks."""
    pytest.importorskip("transformers", reason="needs the extra local")
    return tiny.quoting_model(tmp_path_factory.mktemp("models") / "quoting", opened=request.param)


@pytest.fixture(scope="session")
def adapter(random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter of the random model, random itself."""
    pytest.importorskip("peft", reason="needs peft")
    return tiny.lora_adapter(random_model, tmp_path_factory.mktemp("models") / "adapter")
