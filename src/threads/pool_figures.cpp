#include "threads/pool_figures.hpp"

#include <algorithm>

#include "base/cpu_time.hpp"

namespace brigade::detail {
namespace {

std::uint64_t to_ns(Duration duration) {
  return static_cast<std::uint64_t>(std::max(duration, Duration::zero()).count());
}

Duration from_us(std::uint64_t us) {
  return std::chrono::microseconds(us);
}

void clear_histogram(stats::Histogram& histogram) {
  for (Counter& bucket : histogram.buckets) bucket.set(0);
  histogram.sum_us.set(0);
  histogram.max_us.set(0);
}

PoolTimes times_of(const stats::HistogramSnapshot& histogram, std::uint64_t sum_ns) {
  PoolTimes times;
  times.count = histogram.count();
  if (times.count == 0) return times;
  times.mean = Duration(sum_ns / times.count);
  times.p50 = from_us(histogram.quantile(0.50));
  times.p90 = from_us(histogram.quantile(0.90));
  times.p99 = from_us(histogram.quantile(0.99));
  times.max = from_us(histogram.max());
  return times;
}

}  // namespace

void ThreadFigures::record(std::uint32_t epoch, Duration waited, Duration ran) {
  if (epoch_.load(std::memory_order_relaxed) != epoch) {
    clear();
    epoch_.store(epoch, std::memory_order_release);
  }
  const std::uint64_t wait = to_ns(waited);
  const std::uint64_t run = to_ns(ran);
  wait_ns_.add(wait);
  run_ns_.add(run);
  wait_.record((wait + 999) / 1000);
  run_.record((run + 999) / 1000);
}

void ThreadFigures::clear() {
  wait_ns_.set(0);
  run_ns_.set(0);
  clear_histogram(wait_);
  clear_histogram(run_);
}

void FiguresSum::add(const ThreadFigures& figures) {
  wait_ns_ += figures.wait_ns_.get();
  run_ns_ += figures.run_ns_.get();
  wait_.add(stats::HistogramSnapshot(figures.wait_));
  run_.add(stats::HistogramSnapshot(figures.run_));
}

PoolTimes FiguresSum::wait() const {
  return times_of(wait_, wait_ns_);
}
PoolTimes FiguresSum::run() const {
  return times_of(run_, run_ns_);
}

void CpuShare::begin(TimePoint now) {
  read_at_ = now;
  cpu_ns_ = thread_cpu_ns();
  spun_ns_ = 0;
}

std::uint64_t CpuShare::take(TimePoint now) {
  const std::uint64_t cpu = thread_cpu_ns();
  const std::uint64_t used = cpu - cpu_ns_;
  const std::uint64_t spun = spun_ns_;
  read_at_ = now;
  cpu_ns_ = cpu;
  spun_ns_ = 0;
  return used - std::min(used, spun);
}

}  // namespace brigade::detail
