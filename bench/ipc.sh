#!/usr/bin/env bash
# Echoes per second of a 64-byte message with 64 outstanding, between two processes: a bare socketpair, Brigade's
# cluster, and Node's where there is one. Rounds take turns, so that all meet the same machine.
# Usage: bench/ipc.sh [BIN-FOLDER] [ROUNDS] [SECONDS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${1:-$here/../build/release/bin}
rounds=${2:-5}
seconds=${3:-3}
command -v node >/dev/null || echo "SKIPPED: Node is not installed, its column is left out"
printf '%10s %10s %10s\n' bare cluster node
for ((round = 0; round < rounds; ++round)); do
  node=-
  bare=$("$bin/bench_ipc" bare "$seconds")
  cluster=$("$bin/bench_ipc" cluster "$seconds")
  if command -v node >/dev/null; then node=$(node "$here/ipc_node.js" "$seconds"); fi
  printf '%10s %10s %10s\n' "$bare" "$cluster" "$node"
done
