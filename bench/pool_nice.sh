#!/usr/bin/env bash
# What the niceness of a pool's threads does, to light requests and to the pool's own work:
#   saturated: light route at 1,000 requests/s (open loop) while four clients keep the pool busy
#   flooded:   light route as fast as 32 connections go, likewise
# for each nice value in turn, several rounds, interleaved; medians. With a QUOTA (CPUs, as in 1 or 1.5)
# all of it runs in a cgroup that may use so much, and once more with the workers pinned (root, cgroup v1 or v2).
# Usage: bench/pool_nice.sh [ROUNDS] [SECONDS] [QUOTA]
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
rounds=${1:-3} seconds=${2:-3} quota=${3:-}
port=3905
work=$(mktemp -d)
nices=(0 5 10 15 19)
pins=("")
cgroup=
if [[ -n $quota ]]; then
  nices=(0 10 19)
  pins=("" --pin)
  microseconds=$(awk -v q="$quota" 'BEGIN {printf "%d", q * 100000}')
  if [[ -d /sys/fs/cgroup/cpu ]]; then
    cgroup=/sys/fs/cgroup/cpu/brigade-bench-$$
    mkdir "$cgroup"
    echo "$microseconds" >"$cgroup/cpu.cfs_quota_us"
  else
    cgroup=/sys/fs/cgroup/brigade-bench-$$
    mkdir "$cgroup"
    echo "$microseconds 100000" >"$cgroup/cpu.max"
  fi
  trap 'stop_servers; sleep 0.2; rmdir "$cgroup" 2>/dev/null || true; rm -rf "$work"' EXIT
fi
in_cgroup() { if [[ -n $cgroup ]]; then echo "$BASHPID" >"$cgroup/cgroup.procs"; fi; exec "$@"; }

for ((round = 0; round < rounds; ++round)); do
  for pin in "${pins[@]}"; do
    for nice in "${nices[@]}"; do
      key="nice $nice${pin:+ $pin}"
      BRIGADE_POOL_NICE=$nice BRIGADE_DATABASE="$work/users.db" start $port in_cgroup $bin/production --port $port $pin
      for mode in saturated flooded; do
        $bin/bench_load --port $port --connections 4 --seconds "$seconds" --path '/heavy?n=22300000' >"$work/heavy" &
        heavy=$!
        load=(--connections 16 --rate 1000)
        if [[ $mode == flooded ]]; then load=(--connections 32); fi
        $bin/bench_load --port $port "${load[@]}" --seconds "$seconds" >"$work/light" || true
        wait $heavy || true
        figure p99_us <"$work/light" >>"$work/$key.$mode.p99"
        figure rps <"$work/light" >>"$work/$key.$mode.rps"
        figure rps <"$work/heavy" >>"$work/$key.$mode.heavy"
      done
      stop_servers; servers=()
    done
  done
done

echo "| pool | saturated: light p99 us | heavy/s | flooded: light/s | light p99 us | heavy/s |"
echo "|---|---|---|---|---|---|"
for pin in "${pins[@]}"; do
  for nice in "${nices[@]}"; do
    key="nice $nice${pin:+ $pin}"
    of() { median <"$work/$key.$1"; }
    echo "| $key | $(of saturated.p99) | $(of saturated.heavy) | $(of flooded.rps) | $(of flooded.p99) | $(of flooded.heavy) |"
  done
done
[[ -n $cgroup ]] || rm -rf "$work"
