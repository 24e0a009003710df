"""What a model folder or a recording holds, in a few bytes: so that answers of other weights are not reused."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson

_SMALL = 1 << 20  # bytes up to which a file is read whole
_BLOCK = 1 << 10  # bytes that are read at each place of a larger one
_BLOCKS = 512  # places in a larger file whose layout is not known
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
_BESIDE = (  # beginnings of the names of other files that answers depend on
    "config", "generation_config", "tokenizer", "special_tokens", "added_tokens", "vocab", "merges",
    "chat_template", "adapter_config", "modeling", "configuration", "tokenization",
)  # fmt: skip


def fingerprint(path: str) -> str | None:
    """Return 16 hexadecimal digits of a file's or model folder's content, None if there is no such path.

    Names and sizes count, small files whole, and of a large one its beginning, its end, and some bytes of every
    tensor (safetensors) or of 512 places: a model of 15 GB takes milliseconds. When it was written does not
    count, so that a copy has the same fingerprint. Files that no answer depends on (logs, cards) are left out.
    """
    place = Path(path)
    if not place.exists():
        return None
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    files = [file for file in files if file.is_file() and (file == place or _counts(file))]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{'' if file == place else file.name}\0{file.stat().st_size}\0".encode())
        for block in _blocks(file):
            digest.update(block)
    return digest.hexdigest()[:16]


def revision(model: str) -> str | None:
    """Return the commit (hex) of a hub model that lies in this machine's cache, None if none does."""
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None
    try:
        config = try_to_load_from_cache(model, "config.json")
    except HFValidationError:
        return None
    return Path(config).parent.name if isinstance(config, str) else None


def _counts(file: Path) -> bool:
    return file.suffix in _WEIGHTS or file.name.startswith(_BESIDE)


def _blocks(file: Path) -> Iterator[bytes]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        if size <= _SMALL:
            yield stream.read()
            return
        for start in _starts(file, size):
            stream.seek(start)
            yield stream.read(_BLOCK)


def _starts(file: Path, size: int) -> list[int]:
    """Return the offsets at which a large file is read."""
    ends = [0, max(0, size - _BLOCK)]
    if file.suffix == ".safetensors":
        tensors = _tensors(file, size)
        if tensors:
            return [*ends, *tensors]
    return [*ends, *(size * place // _BLOCKS for place in range(1, _BLOCKS))]


def _tensors(file: Path, size: int) -> list[int]:
    """Return the middle of every tensor of a safetensors file, [] if it is not one."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length < min(size, 1 << 28):
            return []
        try:
            header = orjson.loads(stream.read(length))
        except orjson.JSONDecodeError:
            return []
    if not isinstance(header, dict):
        return []
    header.pop("__metadata__", None)
    try:
        offsets = [entry["data_offsets"] for entry in header.values()]
        return sorted(8 + length + (int(begin) + int(end)) // 2 for begin, end in offsets)
    except (KeyError, TypeError, ValueError):
        return []
