#include "cluster/control_status.hpp"

#include <brigade/log.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>

#include "base/files.hpp"
#include "cluster/control_commands.hpp"
#include "stats/report.hpp"

namespace brigade::cluster::detail {
namespace {

// 0 when it has gone.
std::uint64_t resident_bytes(std::int32_t pid) {
  // "size resident shared ...", in pages; proc(5)
  const std::string text = brigade::detail::read_small_file(fmt::format("/proc/{}/statm", pid));
  const std::size_t space = text.find(' ');
  std::uint64_t pages = 0;
  if (space != std::string::npos) {
    std::from_chars(text.data() + space + 1, text.data() + text.size(), pages);
  }
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t uptime_since(std::uint64_t unix_ms) {
  using namespace std::chrono;
  const auto now = static_cast<std::uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
  return now > unix_ms ? now - unix_ms : 0;
}

// What a worker counted is believed, but may be any 64 bits.
std::int64_t clamped(std::uint64_t value) {
  return static_cast<std::int64_t>(value & 0x7fff'ffff'ffff'ffff);
}

Value worker_of(const stats::WorkerReport& worker) {
  return Value::object({{"position", worker.number},
                        {"id", clamped(worker.id)},
                        {"pid", worker.pid},
                        {"generation", clamped(worker.generation)},
                        {"state", stats::name_of(worker.state)},
                        {"stopped", worker.stopped},
                        {"uptime_ms", clamped(worker.uptime_ms)},
                        {"restarts", clamped(worker.restarts)},
                        {"connections", clamped(worker.connections.open)},
                        {"requests", clamped(worker.requests)},
                        {"in_flight", clamped(worker.in_flight)},
                        {"rss_bytes", clamped(resident_bytes(worker.pid))}});
}

}  // namespace

Value status_of(const stats::Scoreboard& board, const StatusFacts& facts) {
  const stats::Report report = stats::read(board);
  Value::Array workers;
  for (const auto& each : report.workers) workers.push_back(worker_of(each));
  Value::Array listeners;
  for (const auto& each : facts.listeners) listeners.emplace_back(each);
  const std::int32_t pid = ::getpid();
  return Value::object(
      {{"ok", true},
       {"version", control_version},
       {"app", facts.app},
       {"primary", Value::object({{"pid", pid}, {"rss_bytes", clamped(resident_bytes(pid))}})},
       {"generation", clamped(report.primary.generation)},
       {"uptime_ms", clamped(uptime_since(report.primary.started))},
       {"draining", facts.draining},
       {"reloading", facts.reloading},
       {"log_level", log::name_of(log::level())},
       {"restarts", clamped(report.totals.restarts)},
       {"listeners", Value(std::move(listeners))},
       {"workers", Value(std::move(workers))}});
}

}  // namespace brigade::cluster::detail
