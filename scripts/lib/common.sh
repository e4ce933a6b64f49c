# Sourced by the scripts of this folder: where we are, how progress and errors are shown.
# shellcheck shell=bash

# shellcheck disable=SC2034  # used by the scripts that source this file
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*"; }

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# stage NAME COMMAND...: runs the command and says how long it took; a failing command ends the script, named.
stage() {
  local start=$SECONDS
  current_stage=$1
  shift
  say "==> $current_stage"
  "$@"  # not in a condition: that would switch `set -e` off inside it
  say "==> $current_stage: done in $((SECONDS - start)) s"
  current_stage=
}

current_stage=
trap 'code=$?; [ "$code" -eq 0 ] || [ -z "$current_stage" ] || printf "%s: stage \"%s\" failed (exit %s), see above\n" "$(basename "$0")" "$current_stage" "$code" >&2' EXIT

# Parallel compile jobs: one per processor, and no more than memory carries (a file with LibTorch's headers takes 1.5 GB).
build_jobs() {
  local processors available_kib by_memory
  processors=$(nproc)
  available_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
  by_memory=$((available_kib / 1500000))
  [ "$by_memory" -ge 1 ] || by_memory=1
  if [ "$processors" -lt "$by_memory" ]; then echo "$processors"; else echo "$by_memory"; fi
}
