#!/usr/bin/env bash
# Trains on all GPUs of this machine, or on as many processes as you say, through torchrun. See usage below.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'END_OF_USAGE'
Usage: scripts/run_multi_gpu_train.sh DATA [N] [-- FLAGS...]
  DATA   a CSV or Parquet file with descriptions and codes, for finetune; or a folder for train_mixer, with files whose
         names have words that begin with train and val (train_1.csv, train_2.parquet, my_val.csv)
  N      number of processes, one per GPU; not given = all visible GPUs, on a machine without GPUs 1
  FLAGS  flags of the program; finetune needs --target-cols, train_mixer --save-dir (or a --config file that names them)

Starts N processes with the torchrun of .venv. The learning rate grows with their number (--lr-scale linear) unless
FLAGS say otherwise; --batch-size is the batch of each process. More than the machine's GPUs are refused by the program,
without GPUs the processes share the CPU.

Examples:
  scripts/run_multi_gpu_train.sh occupations.csv 4 -- --target-cols code_1 code_2 --save-path runs/first
  scripts/run_multi_gpu_train.sh hisco_files 4 -- --formatter hisco --save-dir runs/first
END_OF_USAGE
}

usage_error() {
  printf 'run_multi_gpu_train.sh: %s (--help shows the usage)\n' "$*" >&2
  exit 2
}

# GPUs that a process started here will see.
count_gpus() {
  if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then
    printf '%s' "$CUDA_VISIBLE_DEVICES" | tr ',' '\n' | grep -c '^[^-]' || true
  elif command -v nvidia-smi >/dev/null; then
    nvidia-smi -L 2>/dev/null | grep -c '^GPU ' || true
  else
    echo 0
  fi
}

# names_flag BEGINNING FLAGS...: is one of FLAGS, or --config, among them?
names_flag() {
  local beginning=$1 flag
  shift
  for flag in "$@"; do
    case ${flag//_/-} in "$beginning"* | --conf*) return 0 ;; esac
  done
  return 1
}

# files_for WORD: fills `files` with the CSV and Parquet files of the folder that have a word beginning with WORD.
files_for() {
  local path name
  files=()
  for path in "$data"/*.csv "$data"/*.parquet; do
    name=$(basename "$path")
    if [ -f "$path" ] && [[ ${name,,} =~ (^|[^a-z])$1 ]]; then files+=("$path"); fi
  done
  [ ${#files[@]} -gt 0 ] || usage_error "the folder '$data' has no CSV or Parquet file with a word that begins with '$1'"
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '' | --) usage >&2; exit 2 ;;
esac
data=$1
shift
count=
if [ $# -gt 0 ] && [ "$1" != -- ]; then
  count=$1
  shift
fi
if [ $# -gt 0 ]; then
  [ "$1" = -- ] || usage_error "unexpected '$1': flags of the program come after --"
  shift
fi

[ -f "$data" ] || [ -d "$data" ] || usage_error "there is no file or folder '$data'"
[[ -z $count || $count =~ ^[1-9][0-9]*$ ]] || usage_error "N must be a whole number, at least 1, not '$count'"
if [ -d "$data" ]; then
  program=$root/build/bin/train_mixer
  names_flag --save-d "$@" || usage_error "name the folder of the run: -- --save-dir FOLDER"
  files_for train
  given=(--train-data "${files[@]}")
  files_for val
  given+=(--val-data "${files[@]}")
else
  program=$root/build/bin/finetune
  names_flag --tar "$@" || usage_error "name the columns of the codes: -- --target-cols COLUMN..."
  given=(--dataset "$data")
fi
torchrun=$root/.venv/bin/torchrun
for file in "$program" "$torchrun"; do
  [ -x "$file" ] || fail "$file is missing; scripts/setup makes it"
done

gpus=$(count_gpus)
if [ -z "$count" ]; then
  count=$gpus
  [ "$count" -gt 0 ] || count=1
fi
if [ "$gpus" -gt 0 ]; then where="$gpus GPU(s) visible"; else where="no GPU visible, so on the CPU"; fi
say "run_multi_gpu_train.sh: $count process(es), $where"
exec "$torchrun" --standalone --nproc_per_node="$count" "$program" --distributed "${given[@]}" --lr-scale linear \
  "$@"
