#include "stats/report.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <tuple>

namespace brigade::stats {
namespace {

double to_ms(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

// A counter that another process scribbled on may be below its base: show nothing, not 2^64.
std::uint64_t minus(std::uint64_t now, std::uint64_t base) {
  return now < base ? 0 : now - base;
}

Latency latency_of(const HistogramSnapshot& histogram) {
  Latency latency;
  latency.count = histogram.count();
  if (latency.count == 0) return latency;
  const auto ms = [](std::uint64_t us) { return static_cast<double>(us) / 1e3; };
  latency.mean_ms = ms(histogram.sum()) / static_cast<double>(latency.count);
  latency.p50_ms = ms(histogram.quantile(0.50));
  latency.p90_ms = ms(histogram.quantile(0.90));
  latency.p99_ms = ms(histogram.quantile(0.99));
  latency.max_ms = ms(histogram.max());
  return latency;
}

// Everything but the latency, which is not added up but merged.
void add(Figures& to, const Figures& from) {
  to.connections.open += from.connections.open;
  to.connections.total += from.connections.total;
  to.requests += from.requests;
  for (std::size_t i = 0; i < to.responses.size(); ++i) to.responses[i] += from.responses[i];
  to.bytes_in += from.bytes_in;
  to.bytes_out += from.bytes_out;
  to.in_flight += from.in_flight;
  to.pool.threads += from.pool.threads;
  to.pool.busy += from.pool.busy;
  to.pool.queued += from.pool.queued;
  to.pool.done += from.pool.done;
  to.pool.failed += from.pool.failed;
  to.pool.refused += from.pool.refused;
  to.pool.cpu_ms += from.pool.cpu_ms;
  to.pool.run_ms += from.pool.run_ms;
}

Figures figures_of(const Slot& slot) {
  Figures figures;
  figures.connections = {slot.loop.connections_open.get(), slot.loop.connections_total.get()};
  figures.requests = slot.loop.requests.get();
  for (std::size_t i = 0; i < figures.responses.size(); ++i) {
    figures.responses[i] = slot.loop.responses[i].get();
  }
  figures.bytes_in = slot.loop.bytes_in.get();
  figures.bytes_out = slot.loop.bytes_out.get();
  figures.in_flight = slot.loop.in_flight.get();
  figures.pool.threads = slot.pool.threads.get();
  figures.pool.busy = slot.pool.busy.get();
  figures.pool.queued = slot.pool.queued.get();
  figures.pool.done = slot.pool.done.get();
  figures.pool.failed = slot.pool.failed.get();
  figures.pool.refused = slot.pool.refused.get();
  figures.pool.cpu_ms = to_ms(slot.pool.cpu_ns.get());
  figures.pool.run_ms = to_ms(slot.pool.run_ns.get());
  return figures;
}

void subtract_counters(Figures& from, const Figures& base) {
  from.connections.total = minus(from.connections.total, base.connections.total);
  from.requests = minus(from.requests, base.requests);
  for (std::size_t i = 0; i < from.responses.size(); ++i) {
    from.responses[i] = minus(from.responses[i], base.responses[i]);
  }
  from.bytes_in = minus(from.bytes_in, base.bytes_in);
  from.bytes_out = minus(from.bytes_out, base.bytes_out);
  from.pool.done = minus(from.pool.done, base.pool.done);
  from.pool.failed = minus(from.pool.failed, base.pool.failed);
  from.pool.refused = minus(from.pool.refused, base.pool.refused);
  from.pool.cpu_ms = std::max(0.0, from.pool.cpu_ms - base.pool.cpu_ms);
  from.pool.run_ms = std::max(0.0, from.pool.run_ms - base.pool.run_ms);
}

Loop loop_of(const LoopFigures& figures, std::uint64_t now_ns) {
  Loop loop;
  // Before the counter: a turn that ends in between is counted twice for a moment, where otherwise
  // the whole of a long one would be missed.
  const std::uint64_t busy_since = figures.meter.busy_since_ns.get();
  loop.busy_ms = busy_since == 0 ? 0 : to_ms(minus(now_ns, busy_since));
  loop.active_ms = to_ms(figures.meter.busy_ns.get()) + loop.busy_ms;
  loop.idle_ms = to_ms(figures.meter.idle_ns.get());
  loop.cpu_ms = to_ms(figures.meter.cpu_ns.get());
  loop.turns = figures.meter.turns.get();
  loop.lag_ms = to_ms(figures.meter.lag_ns.get());
  return loop;
}

void subtract_counters(Loop& from, const LoopFigures& base) {
  from.active_ms = std::max(0.0, from.active_ms - to_ms(base.meter.busy_ns.get()));
  from.idle_ms = std::max(0.0, from.idle_ms - to_ms(base.meter.idle_ns.get()));
  from.cpu_ms = std::max(0.0, from.cpu_ms - to_ms(base.meter.cpu_ns.get()));
  from.turns = minus(from.turns, base.meter.turns.get());
}

struct SlotCopy {
  /// Nothing when the slot is free.
  std::optional<WorkerReport> worker;
  /// Of all workers the slot ever had.
  Figures all;
  HistogramSnapshot latency;
};

void describe(WorkerReport& worker, const Entry& entry, std::uint64_t now_ns) {
  worker.number = entry.number.get();
  worker.pid = entry.pid.get();
  worker.generation = entry.generation.get();
  worker.state = entry.state();
  worker.stopped = entry.stopped.get() != 0;
  worker.started = entry.started_unix_ms.get();
  worker.uptime_ms = minus(now_ns, entry.started_steady_ns.get()) / 1'000'000;
  worker.restarts = entry.restarts.get();
}

SlotCopy copy_once(const Scoreboard& board, unsigned index, std::uint64_t id,
                   std::uint64_t now_ns) {
  const Slot& slot = board.slot(index);
  // The base has pages from the slot's second worker on; reading it sooner would allocate them.
  const Slot* base = board.entry(index).claims.get() > 1 ? &board.base(index) : nullptr;
  SlotCopy copy;
  copy.all = figures_of(slot);
  copy.latency = HistogramSnapshot(slot.latency);
  if (id != 0) {
    WorkerReport& worker = copy.worker.emplace();
    static_cast<Figures&>(worker) = copy.all;
    worker.id = id;
    describe(worker, board.entry(index), now_ns);
    worker.loop = loop_of(slot.loop, now_ns);
    HistogramSnapshot own = copy.latency;
    if (base != nullptr) {
      subtract_counters(worker, figures_of(*base));
      subtract_counters(worker.loop, base->loop);
      own.subtract(HistogramSnapshot(base->latency));
    }
    worker.latency = latency_of(own);
    if (worker.uptime_ms > 0) {
      worker.loop.utilization =
          std::min(1.0, worker.loop.active_ms / static_cast<double>(worker.uptime_ms));
    }
  }
  if (base != nullptr) copy.latency.raise_max(base->latency.max_us.get());
  return copy;
}

// The primary may give the slot to another worker while we copy it; then the copy is of neither.
// Ends after a few tries, because a board whose ids keep changing is damaged.
SlotCopy copy_of(const Scoreboard& board, unsigned index, std::uint64_t now_ns) {
  constexpr int kTries = 3;
  const Entry& entry = board.entry(index);
  SlotCopy copy;
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t id = entry.id.load(std::memory_order_acquire);
    copy = copy_once(board, index, id, now_ns);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (entry.id.load(std::memory_order_relaxed) == id) return copy;
  }
  copy.worker.reset();
  return copy;
}

}  // namespace

Report read(const Scoreboard& board) {
  using namespace std::chrono;
  const auto now = steady_clock::now().time_since_epoch();
  return read_at(board, static_cast<std::uint64_t>(duration_cast<nanoseconds>(now).count()));
}

Report read_at(const Scoreboard& board, std::uint64_t now_ns) {
  Report report;
  const Header::Primary& primary = board.header().primary;
  report.primary = {primary.pid.get(), primary.started_unix_ms.get(), primary.generation.get()};
  report.totals.restarts = primary.restarts.get();
  HistogramSnapshot latency;
  for (unsigned index = 0; index < board.slots(); ++index) {
    if (board.entry(index).claims.get() == 0) continue;
    SlotCopy copy = copy_of(board, index, now_ns);
    add(report.totals, copy.all);
    latency.add(copy.latency);
    if (copy.worker) report.workers.push_back(*copy.worker);
  }
  report.totals.workers = report.workers.size();
  report.totals.latency = latency_of(latency);
  std::sort(report.workers.begin(), report.workers.end(),
            [](const WorkerReport& a, const WorkerReport& b) {
              return std::tie(a.number, a.id) < std::tie(b.number, b.id);
            });
  return report;
}

double utilization_between(const WorkerReport& earlier, const WorkerReport& later) {
  if (earlier.id != later.id || later.uptime_ms <= earlier.uptime_ms) return 0;
  const double active = later.loop.active_ms - earlier.loop.active_ms;
  return std::clamp(active / static_cast<double>(later.uptime_ms - earlier.uptime_ms), 0.0, 1.0);
}

}  // namespace brigade::stats
