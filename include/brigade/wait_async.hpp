// atomics::wait for a loop: the task sleeps, the thread does not. Node's Atomics.waitAsync.
//
//     auto woken = co_await atomics::wait_async(shared[0], 100, 5s);
#pragma once

#include <brigade/atomics.hpp>
#include <brigade/loop.hpp>

namespace brigade {

namespace detail {

class WaitHelper;
class WaitHelpers;

/// One wait, in the frame of the task that waits. May be destroyed at any time.
class [[nodiscard]] WaitAsync final : public Awaiter, private InboxNode, private Timer {
 public:
  WaitAsync(SharedBuffer buffer, std::uint32_t& word, std::uint32_t expected, Duration timeout)
      : Awaiter("atomics::wait"),
        buffer_(std::move(buffer)),
        word_(&word),
        expected_(expected),
        timeout_(timeout) {}
  ~WaitAsync();

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return enter(waiter) && begin();
  }
  atomics::WaitResult await_resume() const {
    throw_if_cancelled();
    return result_;
  }

 private:
  friend class WaitHelpers;
  enum class State {
    waiting,    // its helper stands in the kernel's queue
    leaving,    // its helper was called back; result_ is the answer, unless a notify was faster
    delivered,  // handed to the loop
  };

  bool begin();
  void pass_on() const;
  void on_cancel() override;
  void on_timer() override;
  void on_delivered() override;
  void on_dropped() override;

  SharedBuffer buffer_;
  std::uint32_t* word_;
  std::uint32_t expected_;
  Duration timeout_;
  Loop* loop_ = nullptr;

  bool inside_ = false;  // among the waits of WaitHelpers, or delivered; the loop's thread only

  // Under the mutex of WaitHelpers while inside_.
  State state_ = State::waiting;
  atomics::WaitResult result_ = atomics::WaitResult::ok;
  WaitHelper* helper_ = nullptr;
};

}  // namespace detail

namespace atomics {

/// How many waits of this kind a process may have at once.
inline constexpr std::size_t max_async_waits = 256;

/// Suspends the task, if the cell holds `expected`, until a notify of any thread or process counts
/// it; it stands in the same queue as threads that wait(), from the moment of the co_await on. Of
/// one process's tasks the longest waiting is resumed first. ok, not_equal or timed_out; a timeout
/// is in whole milliseconds, rounded up.
///
/// Cancelled when its task is; a notify that had just counted it then wakes the next in the queue.
/// Keeps the memory alive while it waits. Costs one parked thread per wait (9 kB, and the kernel's
/// stack), so there are at most max_async_waits of them: one more throws ErrorException (EAGAIN).
/// Made for a few long waits per worker; between tasks of one loop use Event.
///
/// Loop thread.
template <class T>
  requires WaitPlace<SharedCell<T>>
brigade::detail::WaitAsync wait_async(SharedCell<T> cell, std::type_identity_t<T> expected,
                                      Duration timeout = forever) {
  return brigade::detail::WaitAsync(cell.buffer(), detail::word_of(cell),
                                    static_cast<std::uint32_t>(expected), timeout);
}

}  // namespace atomics
}  // namespace brigade
