// co_await sleep(250ms); co_await yield();
#pragma once

#include <brigade/loop.hpp>

namespace brigade {

namespace detail {

class SleepAwaiter final : public Awaiter, private Timer {
 public:
  explicit SleepAwaiter(Duration delay) : Awaiter("sleep"), delay_(delay) {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    if (!enter(waiter)) return false;
    Loop& loop = Loop::current();
    loop.read_clock();  // counted from this turn's start, a sleep late in a long turn would be
                        // short
    loop.arm(*this, delay_);
    return true;
  }
  void await_resume() const { throw_if_cancelled(); }

 private:
  void on_timer() override { resume(); }
  void on_cancel() override {
    Loop::current().disarm(*this);
    resume_later();
  }
  Duration delay_;
};

class YieldAwaiter final : public Awaiter {
 public:
  YieldAwaiter() : Awaiter("yield") {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    if (!enter(waiter)) return false;
    resume_later();
    return true;
  }
  void await_resume() const { throw_if_cancelled(); }

 private:
  void on_cancel() override { resume_later(); }
};

struct [[nodiscard]] Sleep {
  Duration delay;
  SleepAwaiter operator co_await() const { return SleepAwaiter(delay); }
};

struct [[nodiscard]] Yield {
  YieldAwaiter operator co_await() const { return YieldAwaiter(); }
};

}  // namespace detail

/// Suspends for at least `delay` (whole milliseconds, rounded up). Throws Cancelled when its task
/// is cancelled meanwhile. A function, not a type, so that it overloads with POSIX's
/// sleep(unsigned).
inline detail::Sleep sleep(Duration delay) {
  return {delay};
}

/// Lets everything else that is ready run first. For long loops in a handler.
inline detail::Yield yield() {
  return {};
}

}  // namespace brigade
