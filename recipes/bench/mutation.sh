#!/usr/bin/env bash
# Mutation test of windows, strategies, parser, marks of reasoning and rewards: how many small faults in them the tests find.
# [tool.mutmut] in pyproject.toml names the files and the tests. Works on a copy; further arguments go to mutmut.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../environment.sh" -e '.[test]' mutmut
export REARANK_SHARED_DATA="${REARANK_SHARED_DATA:-$root/../shared/data}" # a copy lies elsewhere
export CI=1                                   # hypothesis: the same examples each time, and no deadline

copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
cd "$root"
git ls-files -z | xargs -0 cp --parents -t "$copy"
cd "$copy"
mutmut run --max-children 2 "$@"
echo "by file:"
mutmut results --all true | sed -E 's/\.[^.]*__mutmut_[0-9]+: / /' | sort | uniq -c
for survivor in $(mutmut results | sed -nE 's/^ *(.*): survived$/\1/p'); do mutmut show "$survivor"; done
