#!/usr/bin/env bash
# answers.sh PROGRAM TEXT: starts a server on a free port and expects TEXT from its front page.
set -euo pipefail
program=$1
expected=$2

log=$(mktemp)
"$program" --port 0 --workers 1 >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" || true; rm -f "$log"' EXIT

url=
for _ in {1..100}; do
  url=$(grep -om1 'http://127\.0\.0\.1:[0-9]*' "$log") && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
if [[ -z $url ]]; then
  echo "$program does not listen. It wrote:" >&2
  cat "$log" >&2
  exit 1
fi

answer=$(curl --silent --show-error --fail --max-time 10 "$url/")
if [[ $answer != "$expected" ]]; then
  echo "$url/ answered: $answer" >&2
  exit 1
fi
