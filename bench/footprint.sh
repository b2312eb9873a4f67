#!/usr/bin/env bash
# Start-up time and memory of the examples: PSS of the idle primary and of each idle worker.
# Usage: bench/footprint.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
pss() { awk '/^Pss:/ {printf "%.2f MB", $2 / 1024}' "/proc/$1/smaps_rollup"; }
directory=$(mktemp -d)
export BRIGADE_DATABASE="$directory/users.db"
for program in hello production; do
  [[ $program == hello ]] && port=3905 || port=3906
  servers=()
  start $port $bin/$program --port $port --workers 2
  sleep 1
  echo "$program: primary PSS $(pss "${servers[0]}"), workers $(for pid in $(pgrep -P "${servers[0]}"); do pss "$pid"; echo -n ' '; done)"
  stop_servers
  servers=()
done
$bin/bench_startup "$bin/hello"
$bin/bench_startup "$bin/production"
rm -rf "$directory"
