#!/usr/bin/env bash
# Trains on two machines with Open MPI. See usage below.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'END_OF_USAGE'
Usage: scripts/mpirun_two_nodes.sh HOST1 HOST2 N [-- FLAGS...]
  HOST1, HOST2  the machines; mpirun reaches the other one by ssh without a password
  N             processes on each of them, one per GPU
  FLAGS         flags of finetune; --save-path must be a folder that both machines see

This repository, built, is at the same path on both machines. Variables that begin with NCCL_, GLOO_ or HF_ go with the
processes. CANINE_PROGRAM names another program than build/bin/finetune (build/bin/train_mixer), MPIRUN another mpirun,
MPIRUN_FLAGS more flags for it, for example
  MPIRUN_FLAGS='--mca oob_tcp_if_include 10.0.0.0/24 --mca btl_tcp_if_include 10.0.0.0/24'

Example: scripts/mpirun_two_nodes.sh node1 node2 4 -- --config run.yaml --distributed
END_OF_USAGE
}

usage_error() {
  printf 'mpirun_two_nodes.sh: %s (--help shows the usage)\n' "$*" >&2
  exit 2
}

case ${1:-} in -h | --help) usage; exit 0 ;; esac
[ $# -ge 3 ] || { usage >&2; exit 2; }
first=$1
second=$2
count=$3
shift 3
for host in "$first" "$second"; do
  [[ $host =~ ^[A-Za-z0-9][A-Za-z0-9.:_@-]*$ ]] || usage_error "'$host' is not the name of a host"
done
[[ $count =~ ^[1-9][0-9]*$ ]] || usage_error "N must be a whole number, at least 1, not '$count'"
if [ $# -gt 0 ]; then
  [ "$1" = -- ] || usage_error "unexpected '$1': flags of the program come after --"
  shift
fi
program=${CANINE_PROGRAM:-$root/build/bin/finetune}
[ -x "$program" ] || fail "$program is missing; scripts/setup makes it"
mpirun=${MPIRUN:-mpirun}
command -v "$mpirun" >/dev/null || fail "'$mpirun' is missing (package openmpi-bin on both machines), or set MPIRUN"

passed=()
while read -r name; do passed+=(-x "$name"); done < <(compgen -e | grep -E '^(NCCL|GLOO|HF)_' || true)
read -r -a more <<<"${MPIRUN_FLAGS:-}"

# --bind-to none: the program divides the processors itself. The time limit is that between mpirun's SIGTERM and its
# SIGKILL: with the default of a second no process could save or say what it saw. mpirun waits for it after every fault.
exec "$mpirun" -np $((2 * count)) -H "$first:$count,$second:$count" --bind-to none --mca odls_base_sigkill_timeout 15 \
  ${more[@]+"${more[@]}"} ${passed[@]+"${passed[@]}"} "$program" "$@"
