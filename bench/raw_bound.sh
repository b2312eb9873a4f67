#!/usr/bin/env bash
# Hello on one pinned core beside a raw epoll loop with a prebuilt answer: paired runs in alternating
# order, the client on the other core. Usage: bench/raw_bound.sh [PAIRS] [SECONDS]
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
pairs=${1:-12} seconds=${2:-1.2}
start 3901 taskset -c 0 $bin/hello --workers 0 --port 3901
start 3902 taskset -c 0 $bin/bench_raw_epoll 3902
for depth in 1 16; do
  run() { taskset -c 1 $bin/bench_load --port "$1" --connections 64 --depth $depth --seconds "$seconds" | figure rps; }
  for pair in $(seq "$pairs"); do
    if ((pair % 2)); then ours=$(run 3901) raw=$(run 3902); else raw=$(run 3902) ours=$(run 3901); fi
    awk -v a="$ours" -v b="$raw" 'BEGIN {printf "%.3f %d %d\n", a / b, a, b}'
  done | sort -n | awk -v depth=$depth '{v[NR] = $1; a[NR] = $2; b[NR] = $3}
    END {printf "depth %d: ratio to raw epoll median %.3f (quartiles %.3f to %.3f), %d pairs\n",
         depth, v[int((NR + 1) / 2)], v[int((NR + 3) / 4)], v[int((3 * NR + 1) / 4)], NR}'
done
