// The life of a pool's threads: started on demand, spinning, asleep, gone.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>
#include <brigade/log.hpp>
#include <brigade/system.hpp>

#include <algorithm>
#include <system_error>

#include "threads/pool_core.hpp"

namespace brigade::detail {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

// A thread that has just worked looks for more work this long before it sleeps: waking a sleeping
// core costs about three times as much. One thread of a pool at a time: more would only keep
// others, the loop's above all, from the CPU.
constexpr Duration spin_time = std::chrono::microseconds(10);
constexpr unsigned spinners = 1;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// What is being thrown, in words.
std::string what_now() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

void warn_of_fresh_threads(const std::string& name) {
  static std::atomic_flag warned;
  if (warned.test_and_set(relaxed)) return;
  log::warn(
      "pool \"{}\" starts a thread for every job (thread_per_job): that costs some 30 us a job, "
      "and "
      "nothing stays warm. A pool that keeps its threads is the usual choice",
      name);
}

}  // namespace

PoolCore::PoolCore(ThreadPoolOptions options)
    : options_(std::move(options)),
      size_(pool_size(options_, available_parallelism())),
      limit_(queue_limit(options_.max_queue, size_.max)),
      // Of whoever makes the pool: threads that others start later must not add to those' own.
      nice_(std::min(::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())) +
                         std::clamp(options_.nice, 0, 19),
                     19)),
      meter_(options_.meter ? *options_.meter : own_meter_),
      advised_(options_.expect_blocking),
      queue_(options_.aging),
      stats_since_(monotonic_now()) {
  if (options_.thread_per_job) warn_of_fresh_threads(options_.name);
  for (unsigned started = 0; started < size_.min; ++started) {
    Seat* seat = nullptr;
    {
      const std::lock_guard lock(mutex_);
      seat = &reserve_seat();
    }
    if (start_thread(*seat)) continue;
    if (started != 0) return;
    throw std::system_error(EAGAIN, std::generic_category(), trouble_);
  }
}

PoolCore::~PoolCore() {
  end_threads();
}

void PoolCore::end_threads() {
  std::unique_lock lock(mutex_);
  closed_ = ending_ = true;
  wake_all();
  while (true) {
    std::vector<Thread> threads;
    threads.swap(retired_);
    for (const auto& seat : seats_) {
      if (seat->thread.joinable()) threads.push_back(std::move(seat->thread));
    }
    // One that is present and has no handle here was just started by one that has.
    if (threads.empty() && present_ == 0) return;
    lock.unlock();
    threads.clear();
    lock.lock();
  }
}

void PoolCore::wake_all() {
  while (!sleepers_.empty()) {
    Seat& seat = *sleepers_.back();
    sleepers_.pop_back();
    --crew_.sleeping;
    ++crew_.coming;
    seat.woken = true;
    seat.parker.unpark();
  }
}

PoolCore::Call PoolCore::call_help(TimePoint now) {
  switch (help_for(queue_.size(), crew_, size_)) {
    case Help::none:
      return {};
    case Help::wake: {
      Seat& seat = *sleepers_.back();
      sleepers_.pop_back();
      --crew_.sleeping;
      ++crew_.coming;
      seat.woken = true;
      return {Help::wake, &seat};
    }
    case Help::start:
      break;
  }
  if (!backoff_.allows(now)) return {};
  return {Help::start, &reserve_seat()};
}

PoolCore::Call PoolCore::call_replacement(TimePoint now) {
  if (ending_) return {};
  const Call call = call_help(now);
  if (call.help != Help::none || crew_.alive >= size_.min || !backoff_.allows(now)) return call;
  return {Help::start, &reserve_seat()};
}

Seat& PoolCore::reserve_seat() {
  if (free_seats_.empty()) {
    seats_.push_back(std::make_unique<Seat>(static_cast<unsigned>(seats_.size())));
    free_seats_.reserve(seats_.size());
    sleepers_.reserve(seats_.size());
    retired_.reserve(seats_.size());
    free_seats_.push_back(seats_.back().get());
  }
  Seat& seat = *free_seats_.back();
  free_seats_.pop_back();
  seat.left = false;
  ++crew_.alive;
  ++crew_.starting;
  ++present_;
  meter_.threads.add();
  return seat;
}

void PoolCore::answer(Call call) {
  if (call.help == Help::wake) call.seat->parker.unpark();
  if (call.help == Help::start) start_thread(*call.seat);
}

bool PoolCore::start_thread(Seat& seat) {
  Result<Thread> thread = Thread::start(
      {.name = fmt::format("{}-{}", options_.name, seat.index), .stack_size = options_.stack_size},
      [this, &seat] { thread_main(seat); });
  std::unique_lock lock(mutex_);
  if (thread.ok()) {
    if (seat.left) {
      retired_.push_back(std::move(*thread));
      free_seats_.push_back(&seat);
    } else {
      seat.thread = std::move(*thread);
    }
    return true;
  }
  --crew_.starting;
  --crew_.alive;
  --present_;
  meter_.threads.sub();
  free_seats_.push_back(&seat);
  const unsigned left = crew_.alive;
  start_failed(thread.error().message());
  lock.unlock();
  log::warn("pool \"{}\": {}; it goes on with {} of {} threads", options_.name,
            thread.error().message(), left, size_.max);
  return false;
}

void PoolCore::start_failed(const std::string& why) {
  trouble_ = why;
  backoff_.failed(monotonic_now());
  if (crew_.alive == 0) reject_all(PoolOutcome::unavailable);
  note_changes();
}

bool PoolCore::set_up(Seat& seat) {
  // On Linux a nice value belongs to a thread. Where it is to go down, and may not, it stays.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice_);
  seat.tid.store(::gettid(), relaxed);
  seat.run_ns = 0;
  seat.jobs = 0;
  std::string why;
  try {
    if (options_.thread_init) options_.thread_init(seat.index);
    const std::lock_guard lock(mutex_);
    --crew_.starting;
    ++crew_.coming;
    backoff_.succeeded();
    return true;
  } catch (...) {
    why = what_now();
  }
  std::unique_lock lock(mutex_);
  --crew_.starting;
  const unsigned left = --crew_.alive;
  lock.unlock();
  // Before the jobs that it fails are told, so that the log explains what follows.
  log::error("pool \"{}\": thread_init threw \"{}\": that thread is not used, {} of {} are left",
             options_.name, why, left, size_.max);
  lock.lock();
  start_failed("thread_init: " + why);
  return false;
}

void PoolCore::thread_main(Seat& seat) {
  const bool ready = set_up(seat);
  if (ready) {
    seat.cpu.begin(monotonic_now());
    PoolJob* job = await_job(seat);
    while (job) {
      const bool succeeded = job->work();
      const TimePoint now = monotonic_now();
      const Duration ran = now - job->started_at_;
      seat.figures.record(epoch_.load(relaxed), job->started_at_ - job->queued_at, ran);
      seat.run_ns += static_cast<std::uint64_t>(ran.count());
      if (seat.cpu.due(now)) count_time(seat, now);
      job = hand_in(seat, *job, succeeded, now);
      if (!job) job = await_job(seat);
    }
    count_time(seat, monotonic_now());
  }
  leave(seat, ready);
}

bool PoolCore::worn_out(const Seat& seat) const {
  if (options_.thread_per_job) return seat.jobs != 0;
  return options_.recycle_after != 0 && seat.jobs >= options_.recycle_after;
}

PoolJob* PoolCore::hand_in(Seat& seat, PoolJob& job, bool succeeded, TimePoint now) {
  bool hand_over = false;
  PoolJob* next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    hand_over = settle(seat, job, succeeded);
    if (!worn_out(seat)) {
      next = take(seat, now);
    } else if (std::exchange(seat.counted, false)) {
      meter_.busy.sub();
    }
    if (!next) ++crew_.coming;
    note_changes();
  }
  if (hand_over) {
    job.loop_->deliver(job);
    seat.handing_over.store(nullptr, std::memory_order_release);
  }
  return next;
}

PoolJob* PoolCore::await_job(Seat& seat) {
  bool looked = false;
  std::unique_lock lock(mutex_);
  --crew_.coming;
  while (!worn_out(seat)) {
    PoolJob* job = take(seat, monotonic_now());
    // Those that it passed over, because they had waited for too long, made room as well.
    note_changes();
    if (job) return job;
    if (ending_) break;
    if (!looked) {
      looked = true;
      const bool spins = crew_.spinning < spinners;
      ++(spins ? crew_.spinning : crew_.coming);
      lock.unlock();
      if (!spins || !look_once(seat)) count_time(seat, monotonic_now());
      lock.lock();
      --(spins ? crew_.spinning : crew_.coming);
      continue;
    }
    if (!sleep(seat, lock)) break;
  }
  --crew_.alive;
  const Call call = call_replacement(monotonic_now());
  lock.unlock();
  answer(call);
  return nullptr;
}

bool PoolCore::look_once(Seat& seat) {
  const TimePoint began = monotonic_now();
  TimePoint now = began;
  while (queued_.load(relaxed) == 0 && now - began < spin_time) {
    relax();
    now = monotonic_now();
  }
  // Not more: where it lost the CPU meanwhile it did not spin.
  seat.cpu.spun(std::min(now - began, spin_time));
  return queued_.load(relaxed) != 0;
}

bool PoolCore::sleep(Seat& seat, std::unique_lock<AdaptiveMutex>& lock) {
  TimePoint until = TimePoint::max();
  if (crew_.alive > size_.min && options_.idle_timeout < std::chrono::hours(24 * 365)) {
    until = monotonic_now() + options_.idle_timeout;
  }
  seat.woken = false;
  sleepers_.push_back(&seat);
  ++crew_.sleeping;
  lock.unlock();
  seat.parker.park(until);
  lock.lock();
  if (seat.woken) {
    --crew_.coming;
    return true;
  }
  // Nobody has counted on it: whoever needs a thread takes it off the list under the mutex. Its
  // time is up, or the seat's last thread was woken when it had gone.
  std::erase(sleepers_, &seat);
  --crew_.sleeping;
  return monotonic_now() < until || !may_go(queue_.size(), crew_, size_);
}

void PoolCore::leave(Seat& seat, bool was_set_up) {
  if (was_set_up && options_.thread_teardown) {
    try {
      options_.thread_teardown(seat.index);
    } catch (...) {
      log::error("pool \"{}\": thread_teardown threw \"{}\"", options_.name, what_now());
    }
  }
  seat.tid.store(0, relaxed);
  std::vector<Thread> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(retired_);
  }
  ended.clear();
  const std::lock_guard lock(mutex_);
  retired_.reserve(seats_.size());
  --present_;
  meter_.threads.sub();
  if (seat.thread.joinable()) {
    retired_.push_back(std::move(seat.thread));
    free_seats_.push_back(&seat);
  } else {
    seat.left = true;  // start_thread, or end_threads, has the handle
  }
  if (ending_ && present_ == 0) tell(end_waiters_);
}

void PoolCore::count_time(Seat& seat, TimePoint now) {
  if (seat.run_ns == 0) return;  // nothing to set against it
  const std::uint64_t run = std::exchange(seat.run_ns, 0);
  const std::uint64_t cpu = std::min(seat.cpu.take(now), run);
  meter_.run_ns.add(run);
  meter_.cpu_ns.add(cpu);
  run_ns_.add(run);
  cpu_ns_.add(cpu);
  if (!advised_.load(relaxed)) consider_advice(now);
}

}  // namespace brigade::detail
