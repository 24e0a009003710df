#!/usr/bin/env bash
# From a fresh clone to a reranked run: installs into .venv, then runs the main job on the collection
# and the tiny model that the package carries. No Java, no GPU, no download but the packages.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" -e '.[local]'

mkdir -p "$root/build/quickstart" && cd "$root/build/quickstart"

# First stage: BM25 over the bundled collection, 60 held-out queries.
rearank retrieve --dataset demo --hits 30 > bm25.jsonl
rearank evaluate bm25.jsonl --metric ndcg@10

# Second stage: the tiny model reads windows of six passages, thinks, and answers with an order.
rearank rerank bm25.jsonl --model demo | tee run.trec | rearank evaluate - --metric ndcg@10

echo "The run is $PWD/run.trec" >&2
