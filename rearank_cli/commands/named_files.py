"""The files that a command line names without naming each: those of a dataset's folder, of a model's, of an index."""

from collections.abc import Iterator
from pathlib import Path

from rearank_cli.errors import UsageError
from rearank_cli.formats.overlaps import Named

_OF_DATASET = ("corpus.jsonl*", "queries.jsonl*", "qrels/*")
_OF_MODEL = ("*.json", "*.safetensors", "*.bin", "*.toml", "*.txt", "*.model", "*.jinja", "*.py")


def of_dataset(name: str) -> Iterator[Named]:
    """Yield the files of a folder in BEIR's layout, named as it is or with a split (`FOLDER/SPLIT`)."""
    for folder in filter(None, (name, name.rpartition("/")[0])):
        yield from _found("--dataset", Path(folder), _OF_DATASET)


def of_prompt(name: str | None) -> Iterator[Named]:
    """Yield the file of a prompt; none if the name is that of one of ours."""
    if name and name.endswith(".toml"):
        yield "--prompt", name


def of_model(option: str, name: str | None) -> Iterator[Named]:
    """Yield the files of a model's folder; none if the name is a hub's or a server's."""
    yield from _found(option, Path(name), _OF_MODEL) if name else ()


def _found(option: str, folder: Path, patterns: tuple[str, ...]) -> Iterator[Named]:
    for pattern in patterns:
        yield from ((option, str(path)) for path in folder.glob(pattern))


def check_outside(index: str, output: str) -> None:
    """Refuse an output in the folder of an index, which holds nothing else. Raises UsageError."""
    if index and output != "-" and Path(output).resolve().is_relative_to(Path(index).resolve()):
        raise UsageError(
            f"-o {output}: lies in the folder of --index, which holds nothing else; choose another -o"
        )
