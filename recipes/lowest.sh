#!/usr/bin/env bash
# Installs the oldest versions that pyproject.toml allows, in an environment of its own, and runs there the
# tests that need the base alone: a declared minimum is one that was seen to work.
#   recipes/lowest.sh            into build/lowest
#   recipes/lowest.sh --list     only prints what would be installed
# Further arguments go to pytest. PYTHON names the interpreter (Python 3.11, for which the oldest wheels exist).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python="${PYTHON:-python3}"

oldest() { # typer>=0.16 becomes typer==0.16
  "$python" - <<'PYTHON'
import tomllib
from pathlib import Path

for requirement in tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]:
    print(requirement.replace(">=", "=="))
PYTHON
}

[ "${1:-}" != --list ] || { oldest; exit; }
"$python" -m venv build/lowest
export PATH="$PWD/build/lowest/bin:$PATH" HF_HUB_OFFLINE=1 OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
oldest > build/lowest/oldest.txt
# The tools of the tests are those of every day.
grep -E '^(pytest|hypothesis)==' recipes/constraints.txt > build/lowest/tools.txt
pip install --quiet --disable-pip-version-check -r build/lowest/oldest.txt -r build/lowest/tools.txt
pip install --quiet --disable-pip-version-check --no-deps -e .
python -m pytest -q -m "not slow" "$@"
