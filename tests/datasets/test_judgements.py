"""Judgements by name, with no network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rearank_cli.datasets import catalogue
from rearank_cli.datasets.judgements import judgements
from rearank_cli.datasets.registry import entries
from rearank_cli.errors import DataError, MissingInput
from tests.datasets.test_names import beir


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of ir_datasets."""
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def put(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True)
    place.write_text(text)


def test_dl19_is_read_from_where_ir_datasets_keeps_it(home: Path, shared: Path) -> None:
    put(home / "msmarco-passage/trec-dl-2019/qrels", (shared / "dl19" / "qrels.txt").read_text())
    qrels = judgements("dl19")
    assert (len(qrels), sum(map(len, qrels.values()))) == (43, 9260)
    assert (
        judgements("msmarco-passage/trec-dl-2019")
        == judgements("msmarco-passage/trec-dl-2019/judged")
        == qrels
    )


def test_a_beir_set_has_a_file_for_each_split(home: Path) -> None:
    put(home / "beir/scifact/train.qrels", "query-id\tcorpus-id\tscore\n1\td\t1\n")
    assert judgements("scifact/train") == judgements("scifact", "train") == {"1": {"d": 1}}


def python(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own: ir_datasets looks for its home only once, when imported."""
    return subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **env}, capture_output=True, text=True, check=False
    )


def test_the_places_are_those_of_ir_datasets(home: Path) -> None:
    done = python(
        "import ir_datasets, json, sys\n"
        "from rearank_cli.datasets.registry import entries\n"
        "places = {name: str(ir_datasets.load(entry.ir_datasets).qrels_handler()._qrels_dlc.path(force=False))\n"
        "          for name, entry in entries().items() if entry.qrels and not name.startswith('bright-')}\n"
        "print(json.dumps(places))"
    )
    places: dict[str, str] = json.loads(done.stdout)
    assert len(places) == 20
    assert places == {name: str(home / entries()[name].qrels) for name in places}


def test_excluded_documents_are_no_judgements(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "qrels", lambda _: {"q": {"good": 1, "excluded": -100}})
    assert judgements("bright-aops") == {"q": {"good": 1}}


def test_without_a_network_one_sentence_names_the_place(home: Path) -> None:
    places = {
        "dl19": "msmarco-passage/trec-dl-2019/qrels",
        "msmarco-passage/trec-dl-2020/judged": "msmarco-passage/trec-dl-2020/qrels",
        "fiqa/train": "beir/fiqa/train.qrels",
        "bright-pony": "bright/pony.queries.parquet",
    }
    done = python(
        "from rearank_cli.datasets.judgements import judgements\n"
        "from rearank_cli.errors import MissingInput\n"
        f"for name in {list(places)}:\n"
        "    try: judgements(name)\n"
        "    except MissingInput as error: print(error)",
        HF_HUB_OFFLINE="0",
        HTTPS_PROXY="http://127.0.0.1:9",
        IR_DATASETS_DL_TRIES="1",
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == len(places)
    for line, place in zip(lines, places.values(), strict=True):
        assert "its host cannot be reached" in line
        assert line.endswith(f"at {home / place}")


def test_what_nobody_may_download_is_said(home: Path) -> None:
    with pytest.raises(MissingInput, match=r"'signal'.*--qrels"):
        judgements("signal")


def test_a_malformed_file_in_the_cache_is_named_with_its_line(home: Path) -> None:
    put(home / "msmarco-passage/trec-dl-2019/qrels", "1 0 d 1\n1 0 d\n")
    with pytest.raises(DataError, match=r"qrels:2: "):
        judgements("dl19")


def test_a_beir_folder_and_the_demo_have_judgements(tmp_path: Path) -> None:
    folder = beir(tmp_path / "mine")
    assert judgements(str(folder)) == {"q1": {"d1": 2}}
    with pytest.raises(MissingInput, match=r"qrels/train.tsv.*the splits there are test"):
        judgements(f"{folder}/train")
    assert judgements("demo").keys().isdisjoint(judgements("demo/train").keys())
