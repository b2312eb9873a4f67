#!/usr/bin/env bash
# The four schedulings beside Node (SCHED_RR, SCHED_NONE), nginx (shared, reuseport) and Bun (reusePort), in one run.
# bench/scheduling.sh ["2 4 16"] [SECONDS]: worker counts, and how long connections/s are counted (2).
# Bun: BUN=PATH, or `bun` in the PATH. What is not installed is left out, and said.
source "$(dirname "$0")/common.sh"
counts=${1:-"2 4 16"} seconds=${2:-2}
bun=${BUN:-$(command -v bun || true)}
work=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
trap 'stop_servers; rm -rf "$work"' EXIT

cat > "$work/node.js" <<'JS'
const cluster = require('cluster'), http = require('http');
const [, , port, workers, policy] = process.argv;
if (cluster.isPrimary) {
  cluster.schedulingPolicy = policy === 'rr' ? cluster.SCHED_RR : cluster.SCHED_NONE;
  process.on('SIGTERM', () => process.exit(0));
  for (let n = 0; n < +workers; ++n) cluster.fork();
} else {
  http.createServer((request, response) => {
    const ms = /ms=(\d+)/.exec(request.url);
    for (const end = Date.now() + (ms ? +ms[1] : 0); Date.now() < end;);
    response.end('pid ' + process.pid);
  }).listen(+port, '127.0.0.1', 4096);
}
JS
cat > "$work/bun.js" <<'JS'
const [, , port, workers, role] = process.argv;
if (role !== 'worker') {
  const children = [];
  for (let n = 0; n < +workers; ++n)
    children.push(Bun.spawn([process.execPath, import.meta.path, port, workers, 'worker']));
  process.on('SIGTERM', () => { children.forEach(child => child.kill(9)); process.exit(0); });
  setInterval(() => {}, 1000);
} else {
  Bun.serve({ port: +port, hostname: '127.0.0.1', reusePort: true, fetch(request) {
    const ms = /ms=(\d+)/.exec(request.url);
    for (const end = Date.now() + (ms ? +ms[1] : 0); Date.now() < end;);
    return new Response('pid ' + process.pid);
  } });
}
JS
nginx_conf() {  # WORKERS LISTEN-OPTIONS
  cat <<CONF
worker_processes $1; daemon off; pid $work/nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000;
  server { listen 127.0.0.1:$port backlog=4096 $2; location / { return 200 "pid \$pid"; } } }
CONF
}

# row NAME WORKERS BLOCK COMMAND...
row() {
  local name=$1 workers=$2 block=$3 line rate
  shift 3
  start "$port" "$@"
  sleep 0.7  # all of them listen
  line=$("$bin/bench_scheduling" --port "$port" $block)
  rate=$("$bin/bench_load" --port "$port" --per-request --connections 32 --seconds "$seconds" | figure rps || true)
  awk -v name="$name" -v workers="$workers" -v rate="$rate" '{
    for (i = 1; i < NF; i += 2) v[$i] = $(i + 1)
    printf "%-22s %7d %9.2f %8d %8d %9s %9s %11d\n", name, workers, v["most"] * workers / v["served"],
      v["p50_us"], v["p99_us"], v["stopped"], v["blocked"], rate }' <<< "$line"
  kill -TERM "${servers[-1]}" 2>/dev/null || true
  wait "${servers[-1]}" 2>/dev/null || true
  unset 'servers[-1]'
  port=$((port + 1))
}

printf '%-22s %7s %9s %8s %8s %9s %9s %11s\n' server workers most/mean p50_us p99_us unserved: blocked connects/s
printf '%-22s %7s %9s %8s %8s %9s\n' '' '' '' '' '' stopped
for workers in $counts; do
  for scheduling in balanced round_robin shared reuse_port; do
    row "brigade $scheduling" "$workers" --block "$bin/test_server" --host 127.0.0.1 --port "$port" \
      --workers "$workers" --scheduling "$scheduling"
  done
  if command -v node >/dev/null; then
    for policy in rr none; do row "node $policy" "$workers" --block node "$work/node.js" "$port" "$workers" "$policy"; done
  else echo "node is not installed: left out"; fi
  if command -v nginx >/dev/null; then
    for options in "" reuseport; do
      nginx_conf "$workers" "$options" > "$work/nginx.conf"
      row "nginx ${options:-shared}" "$workers" "" nginx -c "$work/nginx.conf" -p "$work"
    done
  else echo "nginx is not installed: left out"; fi
  if [[ -n $bun ]]; then row "bun reusePort" "$workers" --block "$bun" "$work/bun.js" "$port" "$workers"
  else echo "bun is not installed (npm install bun; BUN=node_modules/.bin/bun): left out"; fi
done
