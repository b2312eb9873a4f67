#!/usr/bin/env bash
# What an idle cluster costs: the primary's memory, and how often anybody wakes.
# Usage: bench/idle.sh [workers] [seconds]
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
workers=${1:-64}
seconds=${2:-10}
rss() { awk '/^VmRSS:/ {printf "%.2f MB", $2 / 1024}' "/proc/$1/status"; }
# Voluntary and other switches of all threads of all these processes.
switches() {
  for pid in "$@"; do cat /proc/"$pid"/task/*/status; done | awk '/ctxt_switches:/ {sum += $2} END {print sum}'
}
start 3907 $bin/hello --port 3907 --workers "$workers"
primary=${servers[0]}
curl -s "http://127.0.0.1:3907/" > /dev/null
sleep 5  # until the last worker has been looked at for the last time
mapfile -t children < <(pgrep -P "$primary")
before_primary=$(switches "$primary")
before_all=$(switches "$primary" "${children[@]}")
sleep "$seconds"
after_primary=$(switches "$primary")
after_all=$(switches "$primary" "${children[@]}")
echo "$workers workers, idle for $seconds s: primary RSS $(rss "$primary")," \
  "switches of the primary $((after_primary - before_primary)), of all $((after_all - before_all))"
stop_servers
