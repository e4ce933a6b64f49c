#!/usr/bin/env bash
# Trains on all GPUs of this machine, or on as many processes as you say, through torchrun. See usage below.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'END_OF_USAGE'
Usage: scripts/run_multi_gpu_train.sh DATA [N] [-- FLAGS...]
  DATA   CSV or Parquet file with descriptions and codes
  N      number of processes, one per GPU; not given = all visible GPUs, on a machine without GPUs 1
  FLAGS  flags of finetune; --target-cols (or a --config file that names them) is needed

Starts N processes with the torchrun of .venv. The learning rate grows with their number (--lr-scale linear) unless
FLAGS say otherwise; --batch-size is the batch of each process. More than the machine's GPUs are refused by the program,
without GPUs the processes share the CPU.

Example: scripts/run_multi_gpu_train.sh occupations.csv 4 -- --target-cols code_1 code_2 --save-path runs/first
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

names_columns() {
  local flag
  for flag in "$@"; do
    case $flag in --tar* | --conf*) return 0 ;; esac
  done
  return 1
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
  [ "$1" = -- ] || usage_error "unexpected '$1': flags of finetune come after --"
  shift
fi

if [ -d "$data" ]; then
  usage_error "'$data' is a folder, which is data for train_mixer, and this version does not have train_mixer; give a CSV or Parquet file"
fi
[ -f "$data" ] || usage_error "there is no file '$data'"
[[ -z $count || $count =~ ^[1-9][0-9]*$ ]] || usage_error "N must be a whole number, at least 1, not '$count'"
names_columns "$@" || usage_error "name the columns of the codes: -- --target-cols COLUMN..."
program=$root/build/bin/finetune
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
exec "$torchrun" --standalone --nproc_per_node="$count" "$program" --distributed --dataset "$data" --lr-scale linear "$@"
