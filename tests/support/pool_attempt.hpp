// A pool's job and how it ended, as a word that a test can compare.
#pragma once

#include <brigade/sleep.hpp>
#include <brigade/task_group.hpp>
#include <brigade/thread_pool.hpp>
#include "support/patience.hpp"

#include <exception>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace brigade::testing_support {

struct Ended {
  std::string how = "not yet";
  std::string what;
};

inline Ended how_it_ended(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const PoolClosed& caught) {
    return {"closed", caught.what()};
  } catch (const PoolUnavailable& caught) {
    return {"unavailable", caught.what()};
  } catch (const PoolWaitDeadline& caught) {
    return {"waited too long", caught.what()};
  } catch (const PoolRunDeadline& caught) {
    return {"ran too long", caught.what()};
  } catch (const Overloaded& caught) {
    return {"overloaded", caught.what()};
  } catch (const Cancelled& caught) {
    return {"cancelled", caught.what()};
  } catch (const std::exception& caught) {
    return {"failed", caught.what()};
  }
}

template <class Job>
Task<> attempt(ThreadPool pool, JobOptions options, Job job, Ended& ended) {
  std::exception_ptr error;
  try {
    co_await pool.run(options, std::move(job));
    ended = {"done", ""};
  } catch (...) {
    error = std::current_exception();
  }
  if (error) ended = how_it_ended(error);
}

/// A job that runs until it is asked to stop.
inline void until_stopped(std::stop_token token) {
  const Deadline deadline;
  while (!token.stop_requested() && !deadline.passed()) std::this_thread::yield();
}

/// Turns the loop until `condition()` is true. False when it never is.
template <class Condition>
bool turn_until(Loop& loop, Condition condition) {
  return eventually([&] {
    loop.turn(false);
    return condition();
  });
}

inline void join(Loop& loop, TaskGroup& group) {
  loop.run([](TaskGroup& all) -> Task<> { co_await all.join(); }(group));
}

}  // namespace brigade::testing_support
