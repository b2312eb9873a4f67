// Written by hand with fmt: all values are numbers, booleans and fixed words, so nothing needs
// escaping, and the core needs no JSON library for a dozen lines.
#include <brigade/stats.hpp>

#include <fmt/format.h>

#include <iterator>

namespace brigade::stats {
namespace {

using Out = std::back_insert_iterator<fmt::memory_buffer>;

void write(Out out, const Figures& f) {
  fmt::format_to(out, R"("connections":{{"open":{},"total":{}}},"requests":{},)",
                 f.connections.open, f.connections.total, f.requests);
  fmt::format_to(out, R"("responses":{{"1xx":{},"2xx":{},"3xx":{},"4xx":{},"5xx":{}}},)",
                 f.responses[0], f.responses[1], f.responses[2], f.responses[3], f.responses[4]);
  fmt::format_to(out, R"("bytes_in":{},"bytes_out":{},"in_flight":{},)", f.bytes_in, f.bytes_out,
                 f.in_flight);
  fmt::format_to(out, R"("pool":{{"threads":{},"busy":{},"queued":{},)", f.pool.threads,
                 f.pool.busy, f.pool.queued);
  fmt::format_to(out, R"("done":{},"failed":{},"refused":{},"cpu_ms":{:.3f},"run_ms":{:.3f}}},)",
                 f.pool.done, f.pool.failed, f.pool.refused, f.pool.cpu_ms, f.pool.run_ms);
  fmt::format_to(out, R"("latency":{{"count":{},"mean_ms":{:.3f},"p50_ms":{:.3f},)",
                 f.latency.count, f.latency.mean_ms, f.latency.p50_ms);
  fmt::format_to(out, R"("p90_ms":{:.3f},"p99_ms":{:.3f},"max_ms":{:.3f}}})", f.latency.p90_ms,
                 f.latency.p99_ms, f.latency.max_ms);
}

void write(Out out, const WorkerReport& w) {
  fmt::format_to(out, R"({{"id":{},"number":{},"pid":{},"generation":{},)", w.id, w.number, w.pid,
                 w.generation);
  fmt::format_to(out, R"("state":"{}","stopped":{},"started":{},"uptime_ms":{},"restarts":{},)",
                 name_of(w.state), w.stopped, w.started, w.uptime_ms, w.restarts);
  fmt::format_to(out, R"("loop":{{"utilization":{:.4f},"active_ms":{:.3f},"idle_ms":{:.3f},)",
                 w.loop.utilization, w.loop.active_ms, w.loop.idle_ms);
  fmt::format_to(out, R"("cpu_ms":{:.3f},"turns":{},"lag_ms":{:.3f},"busy_ms":{:.3f}}},)",
                 w.loop.cpu_ms, w.loop.turns, w.loop.lag_ms, w.loop.busy_ms);
  write(out, static_cast<const Figures&>(w));
  fmt::format_to(out, "}}");
}

}  // namespace

std::string_view name_of(WorkerState state) {
  switch (state) {
    case WorkerState::starting:
      return "starting";
    case WorkerState::online:
      return "online";
    case WorkerState::listening:
      return "listening";
    case WorkerState::draining:
      return "draining";
    case WorkerState::dead:
      break;
  }
  return "dead";
}

std::string to_json(const Report& report) {
  fmt::memory_buffer buffer;
  const Out out(buffer);
  fmt::format_to(out, R"({{"version":1,"primary":{{"pid":{},"started":{},"generation":{}}},)",
                 report.primary.pid, report.primary.started, report.primary.generation);
  fmt::format_to(out, R"("workers":[)");
  for (const WorkerReport& worker : report.workers) {
    if (&worker != report.workers.data()) buffer.push_back(',');
    write(out, worker);
  }
  fmt::format_to(out, R"(],"totals":{{"workers":{},"restarts":{},)", report.totals.workers,
                 report.totals.restarts);
  write(out, static_cast<const Figures&>(report.totals));
  fmt::format_to(out, "}}}}");
  return fmt::to_string(buffer);
}

}  // namespace brigade::stats
