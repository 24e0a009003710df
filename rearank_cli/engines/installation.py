"""Why a library that is installed does not import, and what cures it."""

from importlib import import_module
from importlib.util import find_spec

BESIDE_TORCH = ("torchvision", "torchaudio", "torchcodec")
"""Come along with other libraries, often in builds that do not fit a CPU build of torch: transformers and vLLM
then fail to import, though neither needs them for text."""


def why(error: BaseException, install: str) -> str:
    """Return the cause and the cure of a failed import, as the end of a sentence."""
    return why_broken(broken_beside_torch()) or f"{first_line(error)}; install it: {install}"


def why_broken(names: list[str]) -> str:
    """Return cause and cure where these libraries cannot be imported, "" where there are none.

    >>> why_broken(["torchvision"])
    'torchvision cannot be imported here, and text models need none: pip uninstall -y torchvision'
    """
    if not names:
        return ""
    uninstall = f"pip uninstall -y {' '.join(names)}"
    return f"{' and '.join(names)} cannot be imported here, and text models need none: {uninstall}"


def broken_beside_torch() -> list[str]:
    """Return which of the libraries beside torch are installed and cannot be imported; loads the others."""
    return [name for name in BESIDE_TORCH if find_spec(name) is not None and _is_broken(name)]


def _is_broken(name: str) -> bool:
    try:
        import_module(name)
    except (ImportError, OSError, RuntimeError):
        return True
    return False


def first_line(error: BaseException) -> str:
    """Return the first line of a library's message, at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
