#!/usr/bin/env bash
# Make the demo from nothing with the product's own commands: the collection, then the model that the package ships.
#
#   recipes/demo/train.sh [WORK] [SEED]
#
# WORK (default build/demo) keeps every step. Run it with the
# extras `local`, `train` and `compare`. README.md says how long each step took, and what came out.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
work="${1:-$root/build/demo}"
seed="${2:-0}"
demo="$root/rearank_cli/datasets/demo"
python="${PYTHON:-python}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" HF_HUB_OFFLINE=1
mkdir -p "$work"
cd "$work"

# The collection, always the same bytes.
"$python" "$here/collection.py" "$demo"

# A tokenizer, an untrained model, and what an imperfect teacher would write.
"$python" "$here/model.py" untrained --seed "$seed"
"$python" "$here/demonstrations.py" demonstrations.jsonl --seed "$seed"

# The cold start by imitation, then GRPO on what augment draws from BM25's candidates for the train queries.
rearank train demonstrations.jsonl --model untrained --recipe "$root/recipes/train/demo-sft.toml" --seed "$seed" -o sft
rearank retrieve --dataset demo --split train --hits 30 |
  rearank augment --size 6 --sets 20 --seed "$seed" -o lists.jsonl
rearank train lists.jsonl --model sft --recipe "$root/recipes/train/demo.toml" --seed "$seed" -o grpo

# The figures on the test queries, which nothing above has read.
rearank retrieve --dataset demo --hits 30 -o bm25.jsonl
rearank rerank bm25.jsonl --model sft -o sft.trec
rearank rerank bm25.jsonl --model grpo -o grpo.trec
"$python" "$here/bounds.py" bm25.jsonl "$demo/qrels/test.tsv" random.jsonl best.jsonl
rearank evaluate bm25.jsonl random.jsonl sft.trec grpo.trec best.jsonl --dataset demo --baseline sft.trec \
  --metric ndcg@10 --format markdown | tee figures.md

# Ship it: the model, and the start of tutorial.sh. Nothing else of the folders that train leaves is needed.
for file in chat_template.jinja config.json generation_config.json model.safetensors prompt.toml rearank.json \
  tokenizer.json tokenizer_config.json; do
  install -D -m 644 "grpo/$file" "$demo/model/$file"
  install -D -m 644 "sft/$file" "$here/sft/$file"
done
