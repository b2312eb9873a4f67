// Something that happens once, for any number of tasks to wait for.
#pragma once

#include <brigade/loop.hpp>

namespace brigade {

/// Loop thread only. Must outlive those who wait.
class Event {
 public:
  /// Resumes all who wait, on the loop's next turn; later ones do not wait.
  void set();
  bool is_set() const { return set_; }

  class [[nodiscard]] Wait final : public detail::Awaiter {
   public:
    explicit Wait(Event& event) : Awaiter("event"), event_(event) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
      if (!enter(waiter) || event_.set_) return false;
      event_.waiting_.push_back(*this);
      return true;
    }
    void await_resume() const { throw_if_cancelled(); }

   private:
    void on_cancel() override {
      unlink();
      resume_later();
    }
    Event& event_;
  };
  Wait wait() { return Wait(*this); }

 private:
  bool set_ = false;
  detail::List<detail::ReadyNode> waiting_;
};

inline void Event::set() {
  set_ = true;
  while (detail::ReadyNode* node = waiting_.pop_front()) Loop::current().run_later(*node);
}

}  // namespace brigade
