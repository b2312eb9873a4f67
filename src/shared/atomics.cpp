#include <brigade/atomics.hpp>
#include <brigade/result.hpp>

#include "shared/stop_word.hpp"

namespace brigade {
namespace detail {
namespace {

thread_local StopWord* stop_word = nullptr;

}  // namespace

void set_thread_stop_word(StopWord* word) {
  stop_word = word;
}
StopWord* thread_stop_word() {
  return stop_word;
}

}  // namespace detail

namespace atomics {

using brigade::detail::FutexDeadline;
using brigade::detail::StopWord;

const char* to_string(WaitResult result) {
  switch (result) {
    case WaitResult::ok:
      return "ok";
    case WaitResult::not_equal:
      return "not-equal";
    case WaitResult::timed_out:
      return "timed-out";
    case WaitResult::interrupted:
      return "interrupted";
  }
  return "?";
}

namespace detail {
namespace {

/// The stop word stands first: where both were woken the kernel names the last, and a notify that
/// counted us must not be lost.
int wait_once(std::uint32_t& word, std::uint32_t expected, const StopWord* stop,
              const FutexDeadline& deadline, bool& stopped) {
  if (!stop) return brigade::detail::futex_wait(word, expected, deadline);
  int woken = 1;
  const int error =
      brigade::detail::futex_wait_either({stop->word(), 0}, {word, expected}, deadline, woken);
  stopped = woken == 0;
  return error;
}

}  // namespace

WaitResult wait(std::uint32_t& word, std::uint32_t expected, Duration timeout) {
  const std::atomic_ref value(word);
  if (value.load() != expected) return WaitResult::not_equal;
  const StopWord* const stop = brigade::detail::thread_stop_word();
  if (stop && stop->raised()) return WaitResult::interrupted;
  if (timeout <= Duration::zero()) return WaitResult::timed_out;
  const FutexDeadline deadline(timeout);
  for (;;) {
    bool stopped = false;
    const int error = wait_once(word, expected, stop, deadline, stopped);
    switch (error) {
      case 0:
        return stopped ? WaitResult::interrupted : WaitResult::ok;
      case EAGAIN:  // one of the two words was different
        if (stop && stop->raised() && value.load() == expected) return WaitResult::interrupted;
        return WaitResult::not_equal;
      case ETIMEDOUT:
        return WaitResult::timed_out;
      case EINTR:  // a signal handler ran: nobody has notified us
        continue;
      default:
        throw ErrorException(Error::from_errno(error, "wait on a shared word"));
    }
  }
}

int notify(std::uint32_t& word, int count) {
  return count > 0 ? brigade::detail::futex_wake(word, count) : 0;
}

}  // namespace detail
}  // namespace atomics
}  // namespace brigade
