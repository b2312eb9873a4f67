// What a pool tells about itself: figures, running jobs, and advice when it is used for waiting.
#include <brigade/log.hpp>

#include <algorithm>
#include <cstdio>
#include <string>

#include "threads/pool_core.hpp"

namespace brigade::detail {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

// How long a thread was ready to run and got no CPU, in ns: the second figure of schedstat. 0 where
// the kernel does not count it.
std::uint64_t starved_ns(pid_t tid) {
  const std::string path = "/proc/self/task/" + std::to_string(tid) + "/schedstat";
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (!file) return 0;
  unsigned long long ran = 0;
  unsigned long long waited = 0;
  if (std::fscanf(file, "%llu %llu", &ran, &waited) != 2) waited = 0;
  std::fclose(file);
  return waited;
}

}  // namespace

unsigned PoolCore::threads() {
  const std::lock_guard lock(mutex_);
  return crew_.alive;
}

std::string PoolCore::trouble() {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void PoolCore::count_cancelled() {
  const std::lock_guard lock(mutex_);
  ++cancelled_;
}

std::vector<RunningJob> PoolCore::running() {
  const std::lock_guard lock(mutex_);
  return list_running();
}

std::vector<RunningJob> PoolCore::list_running() {
  std::vector<RunningJob> jobs;
  for (const auto& seat : seats_) {
    if (seat->job) jobs.push_back({seat->job->describe(), seat->index, seat->job->started_at_});
  }
  std::sort(jobs.begin(), jobs.end(),
            [](const RunningJob& a, const RunningJob& b) { return a.since < b.since; });
  return jobs;
}

PoolStats PoolCore::stats() {
  const TimePoint now = monotonic_now();
  PoolStats out;
  std::vector<const Seat*> seats;
  Duration age{};
  Duration unfinished{};
  std::uint64_t cpu = cpu_ns_.get();
  std::uint64_t run = run_ns_.get();
  {
    const std::lock_guard lock(mutex_);
    out.threads = crew_.alive;
    out.busy = running_;
    out.queued = queue_.size();
    out.done = done_;
    out.failed = failed_;
    out.refused = refused_;
    out.cancelled = cancelled_;
    out.expired = expired_;
    age = now - stats_since_;
    for (const auto& seat : seats_) {
      seats.push_back(seat.get());
      if (seat->job) {
        unfinished +=
            std::max(Duration::zero(), now - std::max(seat->job->started_at_, stats_since_));
      }
    }
    cpu -= std::min(cpu, cpu_base_ns_);
    run -= std::min(run, run_base_ns_);
  }
  out.min_threads = size_.min;
  out.max_threads = size_.max;
  FiguresSum sum;
  for (const Seat* seat : seats) {
    if (seat->figures.epoch() == epoch_.load(relaxed)) sum.add(seat->figures);
  }
  out.wait = sum.wait();
  out.run = sum.run();
  const double possible = static_cast<double>(age.count()) * size_.max;
  const double used = static_cast<double>(sum.run_ns()) + static_cast<double>(unfinished.count());
  if (possible > 0) out.utilization = std::min(1.0, used / possible);
  if (run > 0) out.cpu_ratio = std::min(1.0, static_cast<double>(cpu) / static_cast<double>(run));
  return out;
}

void PoolCore::reset_stats() {
  const std::lock_guard lock(mutex_);
  epoch_.fetch_add(1, relaxed);
  done_ = failed_ = refused_ = cancelled_ = expired_ = 0;
  cpu_base_ns_ = cpu_ns_.get();
  run_base_ns_ = run_ns_.get();
  stats_since_ = monotonic_now();
}

void PoolCore::consider_advice(TimePoint now) {
  constexpr std::uint64_t enough_jobs = 50;
  constexpr std::uint64_t enough_ns = 100'000'000;
  constexpr std::int64_t between_checks = 1'000'000'000;
  const std::uint64_t run = run_ns_.get();
  const std::uint64_t cpu = cpu_ns_.get();
  if (run < enough_ns || cpu >= run / 5) return;
  std::int64_t at = advise_at_.load(relaxed);
  const std::int64_t now_ns = now.time_since_epoch().count();
  if (now_ns < at) return;
  std::uint64_t jobs = 0;
  std::uint64_t starved = 0;
  {
    const std::lock_guard lock(mutex_);
    jobs = done_;
  }
  if (jobs < enough_jobs) return;
  if (!advise_at_.compare_exchange_strong(at, now_ns + between_checks, relaxed)) return;
  std::vector<pid_t> tids;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& seat : seats_) tids.push_back(seat->tid.load(relaxed));
  }
  for (const pid_t tid : tids) {
    if (tid != 0) starved += starved_ns(tid);
  }
  // Jobs that compute may be kept from the CPU as well, by their niceness for one: leave that time
  // out. (All of the threads' lives, so a little more than that of the jobs.)
  const std::uint64_t free_to_run = run - std::min(run, starved);
  if (free_to_run < enough_ns || cpu >= free_to_run / 5) return;
  if (advised_.exchange(true, relaxed)) return;
  log::warn(
      "pool \"{}\": its jobs spent only {} % of their time on a CPU so far ({} jobs): they wait "
      "for "
      "something. Await that on the loop, or use brigade::blocking(), so that computing need not "
      "queue behind waiting",
      options_.name, cpu * 100 / run, jobs);
}

}  // namespace brigade::detail
