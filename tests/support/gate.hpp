// Something to wait for that the test ends by hand.
#pragma once

#include <brigade/list.hpp>
#include <brigade/task_scope.hpp>

namespace brigade::testing_support {

class Gate {
 public:
  class [[nodiscard]] Passage final : public detail::Awaiter {
   public:
    explicit Passage(Gate& gate) : Awaiter("gate"), gate_(gate) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
      if (!enter(waiter) || gate_.open_) return false;
      gate_.waiting_.push_back(*this);
      return true;
    }
    void await_resume() const { throw_if_cancelled(); }

   private:
    friend class Gate;
    void on_cancel() override {
      unlink();
      resume_later();
    }
    Gate& gate_;
  };

  Passage passage() { return Passage(*this); }
  /// Those who wait run on the loop's next turn.
  void open() {
    open_ = true;
    while (Passage* one = waiting_.pop_front()) one->resume_later();
  }
  bool awaited() const { return !waiting_.empty(); }

 private:
  bool open_ = false;
  detail::List<Passage> waiting_;
};

}  // namespace brigade::testing_support
