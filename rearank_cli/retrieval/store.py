"""Documents on disk, found again by their row: JSON lines, and where each line begins."""

import mmap
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from rearank_cli.datasets.documents import Document

TEXTS, STARTS = "documents.jsonl", "documents.starts"


def keep(documents: Iterable[Document], folder: Path) -> Iterator[Document]:
    """Yield the documents, each written into the folder on its way. Raises OSError."""
    starts = array("q", [0])
    with (folder / TEXTS).open("wb") as texts:
        for document in documents:
            row = {"_id": document.docid, "title": document.title, "text": document.text}
            starts.append(starts[-1] + texts.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)))
            yield document
    (folder / STARTS).write_bytes(starts.tobytes())


@dataclass(frozen=True, slots=True)
class Store:
    """The documents of a folder, mapped into memory."""

    texts: mmap.mmap
    starts: memoryview

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> Document:
        """Return the document of a row, from 0."""
        line = orjson.loads(self.texts[self.starts[row] : self.starts[row + 1]])
        return Document(line["_id"], line["text"], line["title"])


def load(folder: Path) -> Store:
    """Open the documents that `keep` wrote. Raises OSError or ValueError."""
    return Store(_mapped(folder / TEXTS), memoryview(_mapped(folder / STARTS)).cast("q"))


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
