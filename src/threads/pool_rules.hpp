// The pool's decisions, from numbers alone: how large, who is refused, who is woken, who may go.
#pragma once

#include <brigade/pool_options.hpp>

#include <algorithm>
#include <cstddef>

namespace brigade::detail {

struct PoolSize {
  unsigned min;
  unsigned max;
};

/// `cpus`: how many this process may use. Throws std::invalid_argument for min_threads above
/// max_threads.
PoolSize pool_size(const ThreadPoolOptions& options, unsigned cpus);

/// What max_queue says, as a number.
constexpr std::size_t queue_limit(std::size_t max_queue, unsigned max_threads) {
  return max_queue == ThreadPoolOptions::auto_queue ? std::size_t{max_threads} * max_threads
                                                    : max_queue;
}

/// The threads of a pool, by what they do. The others of `alive` have a job.
struct Crew {
  unsigned alive = 0;     // started, or being started, and not on their way out
  unsigned starting = 0;  // will look at the queue when thread_init is through, which may take long
  unsigned coming = 0;    // will look at the queue at once
  unsigned spinning = 0;  // look at it all the time
  unsigned sleeping = 0;
};

/// True where one more job finds a thread or a place in the queue. Why not just the length of the
/// queue: a job that has been given to a sleeping thread stands there until the thread is up.
constexpr bool has_room(std::size_t queued, std::size_t running, PoolSize size, std::size_t limit) {
  return queued + running < size.max + limit;
}

constexpr bool needs_drain(std::size_t queued, std::size_t running, PoolSize size) {
  return queued + running >= size.max;
}

enum class Help { none, wake, start };

/// Whom to call for the queue as it is. All at once: with ten jobs and one thread nine more are
/// started, not one for each that finds the others busy; but nobody where one on its way will do.
constexpr Help help_for(std::size_t queued, const Crew& crew, PoolSize size) {
  if (queued <= crew.coming + crew.spinning) return Help::none;
  if (crew.sleeping > 0) return Help::wake;
  if (queued <= crew.coming + crew.spinning + crew.starting) return Help::none;
  return crew.alive < size.max ? Help::start : Help::none;
}

/// For a thread that had nothing to do for the idle time.
constexpr bool may_go(std::size_t queued, const Crew& crew, PoolSize size) {
  return queued == 0 && crew.alive > size.min;
}

/// When to try again after a thread could not be started, so that neither a system without room
/// nor a thread_init that always throws is tried for every job.
class StartBackoff {
 public:
  bool allows(TimePoint now) const { return now >= next_; }
  void failed(TimePoint now) {
    delay_ = std::clamp<Duration>(delay_ * 2, std::chrono::seconds(1), std::chrono::seconds(30));
    next_ = now + delay_;
  }
  void succeeded() { *this = StartBackoff(); }

 private:
  Duration delay_{};
  TimePoint next_ = TimePoint::min();
};

}  // namespace brigade::detail
