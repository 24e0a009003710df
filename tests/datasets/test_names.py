"""Names: what `--dataset` and a run's tag may say."""

from pathlib import Path

import pytest

from rearank_cli.datasets.names import BeirFolder, Catalogued, Registered, resolve
from rearank_cli.datasets.registry import LeaveOut, entries
from rearank_cli.errors import MissingInput
from rearank_cli.formats.trec import dataset_of

PAPER = (
    *("dl19", "dl20", "dl21", "dl22", "dl23", "dl-hard"),
    *("covid", "nfcorpus", "touche", "dbpedia", "scifact", "signal", "news", "robust04", "arguana", "fiqa"),
    *("scidocs", "quora", "nq", "hotpotqa", "fever", "climate-fever"),
)
BRIGHT = (
    *(
        "biology",
        "earth-science",
        "economics",
        "psychology",
        "robotics",
        "stackoverflow",
        "sustainable-living",
    ),
    *("leetcode", "pony", "aops", "theoremqa-theorems", "theoremqa-questions"),
)


def beir(folder: Path, split: str = "test") -> Path:
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "fleas"}\n')
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "text": "Fleas."}\n')
    (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t2\n")
    return folder


def test_the_registry_holds_every_collection_of_the_paper() -> None:
    assert list(entries()) == [*PAPER, *(f"bright-{name}" for name in BRIGHT)]
    assert {entry.leave_out for name, entry in entries().items() if name.startswith("bright-")} == {
        LeaveOut.EXCLUDED
    }


def test_every_id_of_the_registry_is_one_that_ir_datasets_lists() -> None:
    listed = set(__import__("ir_datasets").registry)
    wanted = {
        entry.id_of(split) for entry in entries().values() for split in entry.splits if entry.ir_datasets
    }
    assert wanted - listed == set()
    assert {name for name, entry in entries().items() if not entry.ir_datasets} == {"signal", "news"}


@pytest.mark.parametrize(
    ("name", "split", "tag"),
    [
        ("dl19", "test", "dl19"),
        ("scifact", "train", "scifact/train"),
        ("scifact/train", "test", "scifact/train"),
        ("demo", "train", "demo/train"),
        ("demo/train", "test", "demo/train"),
        ("vaswani", "test", "vaswani"),
        ("beir/scifact/test", "test", "beir/scifact/test"),
    ],
)
def test_the_tag_of_a_dataset_leads_back_to_it(name: str, split: str, tag: str) -> None:
    dataset = resolve(name, split)
    assert dataset.tag == tag
    assert resolve(dataset_of(f"{tag}:bm25")).tag == tag


def test_a_folder_is_known_as_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beir(tmp_path / "mine" / "scifact", "train")
    monkeypatch.chdir(tmp_path)
    dataset = resolve("mine/scifact/", "train")
    assert isinstance(dataset, BeirFolder)
    assert dataset.tag == "mine/scifact/train"
    assert resolve(dataset.tag) == dataset


def test_a_folder_does_not_pass_for_a_registered_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beir(tmp_path / "scifact")
    monkeypatch.chdir(tmp_path)
    assert isinstance(resolve("scifact"), Registered)
    assert resolve("scifact/").tag == resolve("./scifact").tag == "./scifact"


def test_an_id_of_ir_datasets_needs_no_entry() -> None:
    assert resolve("vaswani") == Catalogued("vaswani")


@pytest.mark.parametrize(
    ("name", "hint"), [("dl-19", "dl19"), ("scifcat", "scifact"), ("biology", "bright-biology")]
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(MissingInput, match=f"did you mean .*{hint}"):
        resolve(name)


def test_a_split_that_a_dataset_lacks_is_answered_with_those_it_has() -> None:
    with pytest.raises(MissingInput, match=r"splits? it has \(train, test\), found 'dev'"):
        resolve("scifact", "dev")
