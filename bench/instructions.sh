#!/usr/bin/env bash
# User-space instructions for each request, by callgrind: the difference of two runs of a known number of
# requests, so that starting and stopping do not count. Usage: bench/instructions.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
command -v valgrind >/dev/null || { echo "apt-get install valgrind" >&2; exit 1; }
out=$(mktemp -d)
instructions() {  # REQUESTS DEPTH
  valgrind --tool=callgrind --callgrind-out-file="$out/callgrind" $bin/hello --workers 0 --port 3903 >/dev/null 2>&1 &
  local server=$!
  for _ in $(seq 200); do (exec 3<>/dev/tcp/127.0.0.1/3903) 2>/dev/null && break; sleep 0.1; done
  $bin/bench_load --port 3903 --connections 64 --depth "$2" --requests "$1" >/dev/null
  kill -TERM $server
  wait $server || true
  awk '/^(summary|totals):/ {print $2; exit}' "$out/callgrind"
}
for depth in 1 16; do
  few=$(instructions 16000 $depth) many=$(instructions 48000 $depth)
  echo "depth $depth: $(((many - few) / 32000)) instructions for each request of $(printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1:3903\r\n\r\n' | wc -c) bytes"
done
rm -rf "$out"
