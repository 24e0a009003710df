#!/usr/bin/env bash
# GRPO in about two minutes: the demo model, from where imitation left it, learns to rank by reward alone.
#
#   recipes/demo/tutorial.sh [WORK]
#
# From a checkout, with the extras `local` and `train`. WORK (default build/tutorial) is left with the curves
# (tuned/curves.png), the figures of each step (tuned/metrics.jsonl) and what the model wrote (tuned/samples.jsonl).
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
work="${1:-$here/../../build/tutorial}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" HF_HUB_OFFLINE=1
mkdir -p "$work"
cd "$work"

echo "1. Lists to learn from: sets of six candidates of BM25, graded." >&2
rearank retrieve --dataset demo --split train --hits 30 | rearank augment --size 6 --sets 20 -o lists.jsonl

echo "2. GRPO from the start that imitation gave, 20 steps of 96 answers." >&2
rearank train lists.jsonl --model "$here/sft" --recipe "$here/../train/demo.toml" --steps 20 -o tuned

echo "3. Before and after, on queries that no training has read." >&2
rearank retrieve --dataset demo --hits 30 -o bm25.jsonl
rearank rerank bm25.jsonl --model "$here/sft" --quiet -o before.trec
rearank rerank bm25.jsonl --model tuned --quiet -o after.trec
rearank evaluate bm25.jsonl before.trec after.trec --metric ndcg@10
