#!/bin/sh
# Make the demo from nothing: the collection, then the model that comes with the package.
#
#     sh recipes/demo/train.sh [WORK]
#
# Run it from the root of a checkout, with torch, transformers, trl, datasets, bm25s and PyStemmer installed.
# WORK (default build/demo) keeps the model of every step. The times were measured on a 2-core x86-64 machine
# without a GPU, one thread each, while up to four other processes ran on it: alone it is faster.
set -eu

PYTHON=${PYTHON:-python}
WORK=${1:-build/demo}
DEMO=rearank_cli/datasets/demo
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE HF_HUB_OFFLINE=1

# The collection, always the same bytes (1 s). BM25 and the best order of its candidates show the room (2 s).
$PYTHON recipes/demo/collection.py "$DEMO"
$PYTHON recipes/demo/evaluate.py

# A tokenizer and an untrained model (12 s).
$PYTHON recipes/demo/model.py "$WORK/untrained"

# Supervised training on demonstrations that miss half of the synonyms (41 min: 10, 6, 17 and 7 for the four stages).
$PYTHON recipes/demo/sft.py "$WORK/untrained" "$WORK/sft"

# GRPO on windows of BM25's candidates for the train queries (11 min).
$PYTHON recipes/demo/grpo.py "$WORK/sft" "$WORK/grpo"

# The figures on the test queries, which nothing above has read (30 s each).
$PYTHON recipes/demo/evaluate.py "$WORK/sft"
$PYTHON recipes/demo/evaluate.py "$WORK/grpo"

# Ship it.
mkdir -p "$DEMO/model"
cp "$WORK"/grpo/* "$DEMO/model/"
