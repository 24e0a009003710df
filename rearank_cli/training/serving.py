"""What makes a folder of weights a model that `rerank` uses as it was trained: its card and its prompt."""

from dataclasses import asdict
from pathlib import Path

import orjson

from rearank_cli.formats.streams import open_sink
from rearank_cli.ranking.profiles import CARD, Profile
from rearank_cli.ranking.prompts import Template

PROMPT = "prompt.toml"
_NOT_OURS = ("training_args.bin", "README.md")


def served_window(profile: Profile, longest: int) -> tuple[int, int]:
    """Return window and step for a model trained on lists of up to `longest` passages: what it has seen.

    >>> from rearank_cli.ranking.prompts import load
    >>> usual = Profile("m", load("rearank"), 20, 10)
    >>> served_window(usual, 20), served_window(usual, 7)
    ((20, 10), (7, 3))
    """
    if longest == profile.window:
        return profile.window, profile.step
    return longest, max(1, longest // 2)


def write_card(folder: Path, profile: Profile, answer_tokens: int, longest: int) -> None:
    """Write rearank.json and prompt.toml, and tidy what training leaves behind in a model's folder."""
    for name in _NOT_OURS:
        (folder / name).unlink(missing_ok=True)
    _switch_cache_on(folder / "config.json")
    window, step = served_window(profile, longest)
    values = {
        "prompt": PROMPT,
        "window": window,
        "step": step,
        "max_tokens": answer_tokens,
        "think": profile.template.think,
    }
    _write(folder / PROMPT, template_toml(profile.template).encode())
    _write(folder / CARD, orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _switch_cache_on(config: Path) -> None:
    """Gradient checkpointing switches a model's cache off, and saving would keep it so."""
    if config.exists():
        values = orjson.loads(config.read_bytes())
        if values.get("use_cache") is False:
            _write(config, orjson.dumps({**values, "use_cache": True}, option=orjson.OPT_INDENT_2))


def cast_weights(folder: Path, dtype: str) -> None:
    """Write the weights of a model's folder in numbers of a type (torch's name), one file at a time.

    Training keeps weights in 4 bytes, since small steps are lost in fewer; served they are as the model came.
    """
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    wanted, total = getattr(torch, dtype), 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        cast = {name: each.to(wanted) if each.is_floating_point() else each for name, each in tensors.items()}
        total += sum(each.nbytes for each in cast.values())
        beside = path.with_suffix(".writing")
        save_file(cast, beside, metadata={"format": "pt"})
        beside.replace(path)
    index = folder / "model.safetensors.index.json"
    if index.exists():
        values = orjson.loads(index.read_bytes())
        values["metadata"]["total_size"] = total
        _write(index, orjson.dumps(values, option=orjson.OPT_INDENT_2))
    config = orjson.loads((folder / "config.json").read_bytes())
    config.pop("torch_dtype", None)
    _write(folder / "config.json", orjson.dumps({**config, "dtype": dtype}, option=orjson.OPT_INDENT_2))


def template_toml(template: Template) -> str:
    """Return a prompt as the TOML file that loads as the same prompt."""
    values = asdict(template)
    turns = values.pop("turns")
    lines = [_line(key, value) for key, value in values.items() if value is not None]
    for turn in turns:
        each = turn.pop("each")
        lines += ["", "[[turn]]", *(_line(key, value) for key, value in turn.items())]
        lines += [_line("each", "passage")] if each else []
    return "\n".join(lines) + "\n"


def _line(key: str, value: object) -> str:
    """Return a key with its value: JSON's literals are TOML's too, but for a DEL in a string."""
    return f"{key} = {orjson.dumps(value).decode()}".replace("\x7f", "\\u007f")


def _write(place: Path, data: bytes) -> None:
    with open_sink(str(place)) as sink:
        sink.write(data)
