#!/usr/bin/env bash
# The public files behind the figures in the README and in the tests, fetched from where their authors keep
# them, by repository and commit, each checked against its sha256 (files.tsv has the list):
#
#   recipes/data/fetch.sh [FOLDER]           fetch what is not there yet; default: ../shared/data beside the repository
#   recipes/data/fetch.sh --check [FOLDER]   download nothing; check what is there
#
# The tests look in that default folder, or in $REARANK_SHARED_DATA. A file whose sum differs is not kept. At the
# end it says how many are there; the status is 0 if all are. Needs bash, curl, unzip, sha256sum, and for the
# recorded answers a Python with rearank. The passages are MS MARCO's (research, not commerce), SciFact is
# CC BY-NC 2.0, the rest stands under the terms of its source.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
check=no
if [ "${1:-}" = "--check" ]; then check=yes; shift; fi
folder="${1:-$here/../../../shared/data}"
scifact="https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets/scifact.zip"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# whole FILE SUM: is the file there, with that sum?
whole() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d" " -f1)" = "$2" ]; }

# fetch FILE REPOSITORY COMMIT PATH: bring one file to $work/file.
fetch() {
  local source="https://raw.githubusercontent.com/$2/$3/$4"
  case "$1" in
    scifact/*)
      [ -f "$work/scifact.zip" ] || curl -fsSL --retry 3 -o "$work/scifact.zip" "$scifact"
      unzip -p "$work/scifact.zip" "$4" > "$work/file" ;;
    *.completions.jsonl)
      curl -fsSL --retry 3 -o "$work/log.json" "$source"
      python "$here/completions.py" "$folder/dl19/bm25.json" "$work/log.json" > "$work/file" ;;
    *)
      curl -fsSL --retry 3 -o "$work/file" "$source" ;;
  esac
}

there=0 wanted=0
while IFS=$'\t' read -r sum file repository commit path; do
  case "$sum" in "#"*) continue ;; esac
  wanted=$((wanted + 1))
  if [ "$check" = no ] && ! whole "$folder/$file" "$sum"; then
    echo "fetching $file" >&2
    if fetch "$file" "$repository" "$commit" "$path" && whole "$work/file" "$sum"; then
      mkdir -p "$(dirname "$folder/$file")"
      mv "$work/file" "$folder/$file"
    fi
  fi
  if whole "$folder/$file" "$sum"; then
    there=$((there + 1))
  else
    echo "missing or different: $file" >&2
  fi
done < "$here/files.tsv"
echo "$there of $wanted files are in $folder"
[ "$there" = "$wanted" ]
