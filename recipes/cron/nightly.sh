#!/usr/bin/env bash
# Each night: retrieve, rerank as far as the time allows, evaluate. The next night goes on from there.
#
#   recipes/cron/nightly.sh [option of rearank rerank ...]
#
# Prints nothing where all is well or only unfinished, since cron mails what is printed; see the log then.
# What is printed is for a person to read. README.md says what each exit status means.
set -euo pipefail

# Settings: change them here, or set them in the crontab or the systemd service.
DATASET="${DATASET:-demo}"          # what rearank retrieve --dataset takes
HITS="${HITS:-30}"                  # candidates a query
MODEL="${MODEL:-demo}"              # what rearank rerank --model takes
METRIC="${METRIC:-ndcg@10}"
MAX_TIME="${MAX_TIME:-5h}"          # of the reranking; then 60 s at most for what is in flight
PATIENCE="${PATIENCE:-7}"           # unfinished nights in a row that are nobody's business
FOLDER="${FOLDER:-${HOME:?}/rearank-nightly/${DATASET//\//-}}"  # one for each job
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
REARANK="${REARANK:-$here/../../.venv/bin/rearank}"  # cron's PATH knows no virtual environment

tell() { echo "rearank nightly, $DATASET in $FOLDER: $*" >&2; }

# Prints how many answers the trace holds; a request that failed or was refused is none.
answers() {
  local count
  count="$(grep -cE '"finish": ?"(stop|length)"' "$FOLDER/trace.jsonl" 2>/dev/null)" || true
  echo "${count:-0}"
}

# The lines of this night's log without those of progress: all, or the first and the last ten.
this_night() {
  awk '/^== / { n = 0 } !/ queries done|waiting for .* more at most/ { line[n++] = $0 }
    END { for (i = 0; i < n; i++) { if (i < 10 || i >= n - 10) print line[i]; else if (i == 10) print "..." } }' "$log"
}

left_for_the_next_night() {
  local nights=$(($(cat "$FOLDER/unfinished-nights" 2>/dev/null || echo 0) + 1)) why
  echo "$nights" > "$FOLDER/unfinished-nights" || tell "the unfinished nights cannot be counted"
  [ "$nights" -le "$PATIENCE" ] && exit 75
  why="raise MAX_TIME, or see why in the log"
  [ "$1" != reranking ] || [ "$(answers)" != "$answered_before" ] ||
    why="not one answer came this night: see whether the server is up, else raise MAX_TIME"
  tell "the $1 has not finished for $nights nights; $why; this night in $log:"
  this_night >&2
  exit 75
}

# Says what ended a stage and what it wrote last, and ends with its status.
settle() {
  local stage="$1" status="$2" means
  case "$status" in
    75) left_for_the_next_night "$stage" ;;  # time is over, a server is down, last night still runs
    143) left_for_the_next_night "$stage" ;;  # SIGTERM in a stage that has nothing to keep
    65) means="the data are malformed, the model's answers are, or the server refuses what it is sent" ;;
    66) means="a file, dataset, model or judgement is not there" ;;
    69) means="an engine is missing, or the server refuses for good" ;;
    74) means="an output could not be written; what is in the trace is kept" ;;
    130) means="interrupted" ;;
    *) means="unforeseen" ;;
  esac
  tell "the $stage failed with status $status: $means; this night in $log:"
  this_night >&2
  exit "$status"
}

# Runs a command with its stderr, and what bash says of it, in the log.
stage() {
  local name="$1"
  shift
  { "$@"; } 2>> "$log" || settle "$name" $?
}

evaluate() {
  "$REARANK" evaluate "$FOLDER/run.trec" --dataset "$DATASET" --metric "$METRIC" |
    tee "$FOLDER/.figures" >> "$log"
}

mkdir -p "$FOLDER" || { tell "the folder cannot be made"; exit 74; }
log="$FOLDER/nightly.log"
echo "== $(date '+%F %T') $DATASET $MODEL" >> "$log" || { tell "$log cannot be written"; exit 74; }
[ -x "$REARANK" ] || { tell "expected rearank at $REARANK; set REARANK to where it is"; exit 69; }

# A signal ends the stage, which takes the time that it needs; this script then settles its status. It
# must reach rearank too: cron jobs' time limits and systemd send it to all processes of the job.
trap : TERM

# Files stand between the stages instead of a pipe: a status is then that of one stage, and each file is
# written whole or not at all. What the trace holds is not asked again, whichever night answered it.
answered_before="$(answers)"
stage retrieval "$REARANK" retrieve --dataset "$DATASET" --hits "$HITS" -o "$FOLDER/candidates.jsonl"
stage reranking "$REARANK" rerank "$FOLDER/candidates.jsonl" --model "$MODEL" \
  --trace "$FOLDER/trace.jsonl" --max-time "$MAX_TIME" -o "$FOLDER/run.trec" "$@"
stage evaluation evaluate
mv "$FOLDER/.figures" "$FOLDER/figures.txt"
rm -f "$FOLDER/unfinished-nights"
