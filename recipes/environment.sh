# Sourced by the scripts beside it: makes .venv in the checkout and installs there what "$@" names.
# PYTHON names the interpreter (3.11 or newer) where python3 is an older one.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  { echo "expected Python 3.11 or newer, found $("$python" --version 2>&1); set PYTHON" >&2; exit 69; }
[ -x "$root/.venv/bin/pip" ] || "$python" -m venv "$root/.venv"
# The constraints name the versions that were tested together. torch comes first: what needs it then
# takes the one that is there.
(cd "$root" && .venv/bin/pip install --quiet --disable-pip-version-check -c recipes/constraints.txt "$@")
export PATH="$root/.venv/bin:$PATH" HF_HUB_OFFLINE=1 OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
