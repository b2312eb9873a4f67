#!/usr/bin/env bash
# Ten times the capacity of a route that costs 5 ms, on one worker: the goodput in per cent of the peak, the memory, and how
# long a client waits once the flood is over. Usage: bench/overload.sh [seconds, 4 unless told]
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
seconds=${1:-4}
port=3907
start $port $bin/bench_overload_server --workers 0 --port $port
server=${servers[0]}
resident() { awk '/VmRSS/ {print $2}' /proc/"$server"/status; }
ok() { curl -s http://127.0.0.1:$port/stats | grep -o '"2xx":[0-9]*' | head -1 | cut -d: -f2; }

# flood ARGUMENTS...: answers with 200 in a second, until the last of the flood is answered.
flood() {
  local before began=$EPOCHREALTIME
  before=$(ok)
  $bin/bench_load --port $port --seconds "$seconds" "$@" >/dev/null || true
  # Asked in the moment the flood ends: how long the first answer takes.
  recovery=$(curl -s -o /dev/null -w '%{time_total}' http://127.0.0.1:$port/)
  local good=$(($(ok) - before))
  rate=$(awk -v good=$good -v began="$began" -v ended="$EPOCHREALTIME" 'BEGIN {printf "%d", good / (ended - began)}')
}

flood --connections 4
peak=$rate
small=$(resident)
flood --connections 1000 --rate $((peak * 10))
echo "peak $peak/s; at ten times that $rate/s, $((rate * 100 / peak)) %; memory $small -> $(resident) KiB; first answer after it $recovery s"
