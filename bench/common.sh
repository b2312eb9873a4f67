# Shared by the bench scripts: where the programs are, starting and stopping servers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=build/release/bin
[[ -x $bin/bench_load ]] || { echo "build first: ./scripts/build" >&2; exit 1; }
servers=()
stop_servers() { for pid in "${servers[@]:-}"; do [[ -n $pid ]] && kill -TERM "$pid" 2>/dev/null; done; wait 2>/dev/null || true; }
trap stop_servers EXIT

# start NAME PORT COMMAND...: in the background, until it answers.
start() {
  local port=$1; shift
  "$@" >/dev/null 2>&1 &
  servers+=($!)
  for _ in $(seq 200); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
    sleep 0.05
  done
  echo "$1 does not answer on port $port" >&2
  exit 1
}
# The value after a name in bench_load's line.
figure() { awk -v name="$1" '{for (i = 1; i < NF; i++) if ($i == name) print $(i + 1)}'; }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
