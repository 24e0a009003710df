"""Why a library that is installed does not import, and what cures it."""

from importlib import import_module
from importlib.util import find_spec

_OFTEN_BROKEN = ("torchvision", "torchaudio", "torchcodec")


def why(error: BaseException, install: str) -> str:
    """Return the cause and the cure of a failed import, as the end of a sentence.

    torchvision, torchaudio and torchcodec come along with other libraries in builds that do not fit a CPU
    build of torch; transformers and vLLM then fail to import, though neither needs them for text.
    """
    broken = [name for name in _OFTEN_BROKEN if _is_broken(name)]
    if broken:
        names = " ".join(broken)
        return f"{' and '.join(broken)} cannot be imported here, and text models need none: pip uninstall -y {names}"
    return f"{first_line(error)}; install it: {install}"


def _is_broken(name: str) -> bool:
    if find_spec(name) is None:
        return False
    try:
        import_module(name)
    except (ImportError, OSError, RuntimeError):
        return True
    return False


def first_line(error: BaseException) -> str:
    """Return the first line of a library's message, at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
