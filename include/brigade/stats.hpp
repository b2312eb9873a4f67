// What the scoreboard says, as plain structs and as JSON: the whole cluster, living and dead.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace brigade::stats {

/// In the order of a worker's life. Starting: spawned, not heard of. Online: its program runs.
/// Listening: it serves. Draining: it finishes what it has. Dead: exited, or not believable.
enum class WorkerState : std::uint32_t { starting, online, listening, draining, dead };

/// "starting" to "dead"; any other value is "dead".
std::string_view name_of(WorkerState state);

struct Connections {
  std::uint64_t open = 0;
  std::uint64_t total = 0;
};

struct Loop {
  /// Share of its life that the loop spent working, 0 to 1. For the last few seconds instead of the
  /// whole life, see `utilization_between`.
  double utilization = 0;
  /// Time spent working, waiting and on the CPU. Working includes the turn that runs now.
  double active_ms = 0;
  double idle_ms = 0;
  double cpu_ms = 0;
  std::uint64_t turns = 0;
  /// The longest turn of the loop's current second: how long a ready connection had to wait.
  double lag_ms = 0;
  /// How long the turn that runs now has lasted; 0 when the loop sleeps. Hundreds: it is blocked.
  double busy_ms = 0;
};

struct Pool {
  std::uint64_t threads = 0;
  std::uint64_t busy = 0;
  std::uint64_t queued = 0;
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  /// Turned away because the queue was full.
  std::uint64_t refused = 0;
  /// Time that jobs spent on a CPU, and on a thread. Far apart, they wait for something.
  double cpu_ms = 0;
  double run_ms = 0;
};

/// Of requests, from the first byte read to the last byte written. Quantiles may be up to 1/32 too
/// high, never too low; the maximum is exact.
struct Latency {
  std::uint64_t count = 0;
  double mean_ms = 0;
  double p50_ms = 0;
  double p90_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
};

/// What is counted for a worker and, added up, for the cluster.
struct Figures {
  Connections connections;
  std::uint64_t requests = 0;
  /// By status class: [0] is 1xx, [4] is 5xx.
  std::array<std::uint64_t, 5> responses{};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t in_flight = 0;
  Pool pool;
  Latency latency;
};

struct WorkerReport : Figures {
  /// Never given twice; a replacement has its predecessor's number and a new id.
  std::uint64_t id = 0;
  /// Its position, 0 to workers - 1.
  std::uint32_t number = 0;
  std::int32_t pid = 0;
  /// Counts reloads: workers of one generation run one binary.
  std::uint64_t generation = 0;
  WorkerState state = WorkerState::dead;
  /// Stopped by a signal (SIGSTOP, a debugger): alive and serving nobody.
  bool stopped = false;
  /// Unix time, ms.
  std::uint64_t started = 0;
  /// By a clock that nobody sets.
  std::uint64_t uptime_ms = 0;
  /// How often this position was refilled.
  std::uint64_t restarts = 0;
  Loop loop;
};

struct PrimaryReport {
  std::int32_t pid = 0;
  /// Unix time, ms.
  std::uint64_t started = 0;
  std::uint64_t generation = 0;
};

/// Counters include all workers that ever ran, so they only go up; gauges those alive.
struct Totals : Figures {
  std::uint64_t workers = 0;
  std::uint64_t restarts = 0;
};

struct Report {
  PrimaryReport primary;
  /// Those alive, by number; during a reload a number has two.
  std::vector<WorkerReport> workers;
  Totals totals;
};

/// Share of the time between two reports on one worker that its loop spent working, 0 to 1. Returns
/// 0 where they are of two workers, or not apart in time.
double utilization_between(const WorkerReport& earlier, const WorkerReport& later);

/// One line of compact JSON, "version" 1: within a version fields are added, never changed. Times
/// are in the unit their name ends with, else Unix ms.
std::string to_json(const Report& report);

}  // namespace brigade::stats
