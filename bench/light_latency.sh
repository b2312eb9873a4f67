#!/usr/bin/env bash
# Latency of a light route at 1,000 requests/s (open loop, counted from the moment each was due) while
# four clients keep the pool saturated with /heavy; and how long the loops' threads waited for a CPU.
# Usage: bench/light_latency.sh [RUNS] [SECONDS]
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
runs=${1:-5} seconds=${2:-4}
port=3904
database=$(mktemp -d)
BRIGADE_DATABASE="$database/users.db" start $port $bin/production --port $port --workers "$(nproc)"
primary=${servers[0]}
run_delay() { for pid in $(pgrep -P "$primary"); do awk '{print $2}' "/proc/$pid/task/$pid/schedstat"; done | awk '{s += $1} END {printf "%d", s}'; }
for _ in $(seq "$runs"); do
  $bin/bench_load --port $port --connections 4 --seconds "$seconds" --path '/heavy?n=22300000' >"$database/heavy" &
  heavy=$!
  before=$(run_delay)
  chrt -f 1 $bin/bench_load --port $port --connections 16 --rate 1000 --seconds "$seconds" >"$database/light" 2>/dev/null ||
    $bin/bench_load --port $port --connections 16 --rate 1000 --seconds "$seconds" >"$database/light" || true
  after=$(run_delay)
  wait $heavy || true
  echo "light p50 $(figure p50_us <"$database/light") us, p99 $(figure p99_us <"$database/light") us, p999 $(figure p999_us <"$database/light") us, failed $(figure failed <"$database/light"); heavy $(figure rps <"$database/heavy")/s; loops waited $(((after - before) / 1000000)) ms for a CPU"
  figure p99_us <"$database/light" >>"$database/p99"
done
echo "median p99: $(median <"$database/p99") us"
stop_servers; servers=()
rm -rf "$database"
