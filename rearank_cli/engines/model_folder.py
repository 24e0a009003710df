"""What a model or adapter folder must hold before an engine that takes minutes to start is told to load it."""

from pathlib import Path

import orjson

from rearank_cli.errors import DataError, MissingInput

_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # the only ones that vLLM takes


def check_weights(model: str) -> None:
    """Refuse a folder that holds no model; vLLM's own words for it are many and late. Raises MissingInput."""
    folder = Path(model)
    if not folder.is_dir():
        return  # a hub id
    if not (folder / "config.json").is_file():
        raise MissingInput(f"{model}: expected a model folder, found none of its config.json")
    if not any(file.suffix in (".safetensors", ".bin", ".pt") for file in folder.iterdir()):
        raise MissingInput(f"{model}: expected a model's weights (*.safetensors), found none in the folder")


def adapter_rank(adapter: str) -> int:
    """Return the least rank that vLLM takes and that a LoRA folder fits in.

    Raises:
        MissingInput: no such folder, or none with an adapter.
        DataError: its rank is none that vLLM takes.
    """
    config = Path(adapter) / "adapter_config.json"
    try:
        values = orjson.loads(config.read_bytes())
    except OSError as error:
        raise MissingInput(
            f"{adapter}: expected the folder of a LoRA adapter, with {config.name} ({error.strerror})"
        ) from error
    except orjson.JSONDecodeError as error:
        raise DataError(f"{config}: expected JSON, found none that parses ({error})") from error
    rank = values.get("r") if isinstance(values, dict) else None
    fitting = [offered for offered in _LORA_RANKS if isinstance(rank, int) and 0 < rank <= offered]
    if not fitting:
        raise DataError(f"{config}: expected a rank `r` of 1 to {_LORA_RANKS[-1]}, found {rank!r}")
    return fitting[0]
