#!/usr/bin/env bash
# Worker threads and the pool beside Node's worker_threads and piscina, one after the other in one
# run: bench/node_peers.sh [SECONDS per measurement, 1]
#
# Prints each figure of both, and how many times better ours is. What Node or npm is missing for is
# skipped, and said.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
seconds=${1:-1}
theirs=$(mktemp)
trap 'rm -f "$theirs"; stop_servers' EXIT

if ! command -v node >/dev/null; then
  echo "SKIPPED: node is not there, so there is nothing to compare with" >&2
  exit 0
fi
echo "node $(node --version), on $(nproc) CPUs"
node bench/node/peers.cjs threads "$seconds" >"$theirs"

# piscina stays in the build folder; the first run fetches it.
modules=build/node_peers
if [[ ! -d $modules/node_modules/piscina ]]; then
  if ! command -v npm >/dev/null; then
    echo "SKIPPED: npm is not there, so no piscina" >&2
  else
    mkdir -p "$modules"
    npm install --prefix "$modules" --silent --no-audit --no-fund --no-save piscina@4 >&2 ||
      echo "SKIPPED: npm cannot fetch piscina" >&2
  fi
fi
if [[ -d $modules/node_modules/piscina ]]; then
  echo "piscina $(node -p "require('./$modules/node_modules/piscina/package.json').version")"
  NODE_PATH=$modules/node_modules node bench/node/peers.cjs pool "$seconds" >>"$theirs"
fi

# compare TITLE NAME more|less: reads our figure.
compare() {
  local ours other
  read -r ours
  other=$(awk -v name="$2" '$1 == name {print $2}' "$theirs")
  [[ -n $other ]] || { echo "$1: $ours, and nothing to compare with"; return; }
  awk -v title="$1" -v ours="$ours" -v other="$other" -v better="$3" 'BEGIN {
    printf "%-46s %12.1f   Node %12.1f   %8.1f times\n", title, ours, other,
      better == "more" ? ours / other : other / ours }'
}
threads=$($bin/bench_threads "$seconds")
after() { sed -n "s/^$1 *\(median\)\? *\([0-9.]*\) .*/\2/p" <<<"$threads"; }
after "worker thread, create to online heard" | compare "create to online, us" online_us less
after "memory per idle worker thread" | compare "memory per idle worker, kB" memory_kb less
after "message round trip" | compare "message round trip, us" round_trip_us less
after "message echoes,  64 outstanding" | compare "echoes with 64 outstanding, /s" echoes more
$bin/bench_pool 0.2 5 | sed -n "s/^$(nproc) threads, 64 outstanding *brigade, nice 10 *\([0-9]*\) .*/\1/p" |
  compare "pool tasks with 64 outstanding, /s" tasks more
