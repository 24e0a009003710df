"""What tells one model folder from another of the same name."""

import json
import os
from pathlib import Path

from rearank_cli.engines.fingerprint import fingerprint, revision


def weights(path: Path, data: bytes, tensors: int = 4) -> None:
    """Write a safetensors file whose tensors divide the data evenly."""
    step = len(data) // tensors
    header = {
        f"layer{n}": {"dtype": "U8", "shape": [step], "data_offsets": [n * step, (n + 1) * step]}
        for n in range(tensors)
    }
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + data)


def folder(path: Path, data: bytes = b"\0" * 8_000_000) -> Path:
    path.mkdir()
    (path / "config.json").write_text('{"layers": 2}')
    weights(path / "model.safetensors", data)
    return path


def test_a_copy_has_the_same_fingerprint_whenever_it_was_made(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "a"), folder(tmp_path / "b")
    os.utime(other / "model.safetensors", (1, 1))
    (other / "README.md").write_text("no answer depends on this")
    assert fingerprint(str(one)) == fingerprint(str(other)) is not None


def test_every_tensor_counts(tmp_path: Path) -> None:
    seen = {fingerprint(str(folder(tmp_path / "plain")))}
    for tensor in range(4):
        data = bytearray(8_000_000)
        data[tensor * 2_000_000 : (tensor + 1) * 2_000_000] = b"\1" * 2_000_000
        seen.add(fingerprint(str(folder(tmp_path / str(tensor), bytes(data)))))
    assert len(seen) == 5


def test_names_configuration_and_size_count(tmp_path: Path) -> None:
    place = folder(tmp_path / "model")
    seen = {fingerprint(str(place))}
    (place / "config.json").write_text('{"layers": 3}')
    seen.add(fingerprint(str(place)))
    (place / "tokenizer.json").write_text("{}")
    seen.add(fingerprint(str(place)))
    (place / "tokenizer.json").rename(place / "tokenizer_config.json")
    seen.add(fingerprint(str(place)))
    assert len(seen) == 4


def test_a_large_file_without_a_layout_is_read_at_many_places(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"\0" * 4_000_000)
    before = fingerprint(str(path))
    path.write_bytes(b"\0" * 2_000_000 + b"\1" * 100_000 + b"\0" * 1_900_000)
    assert fingerprint(str(path)) != before
    damaged = tmp_path / "odd.safetensors"
    for head in (
        b"\xff" * 8,
        (20).to_bytes(8, "little") + b"not json at all here",
        (2).to_bytes(8, "little") + b"[]",
    ):
        damaged.write_bytes(head + b"\0" * 2_000_000)
        assert fingerprint(str(damaged))


def test_what_is_not_there_has_none(tmp_path: Path) -> None:
    assert fingerprint(str(tmp_path / "none")) is None
    assert revision("nobody/nothing") is None
    assert revision("no such: id") is None
