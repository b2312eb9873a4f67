// Another thread with a loop, which the test gives things to do.
#pragma once

#include <gtest/gtest.h>
#include <brigade/loop.hpp>
#include <brigade/task_group.hpp>
#include "threads/thread_context.hpp"

#include <functional>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace brigade::testing_support {

class LoopThread {
 public:
  /// A worker thread has an id, and gives back what it holds when it ends, as threads::Worker's do.
  enum class Kind { plain, worker };

  explicit LoopThread(Kind kind = Kind::plain) : thread_([this, kind] { main(kind); }) {
    ready_.get_future().wait();
  }
  ~LoopThread() { end(); }

  std::uint32_t id() const { return id_; }
  /// Runs `function` on the thread; waits until it has returned.
  template <class Function>
  void run(Function function) {
    std::promise<void> done;
    loop_->post([&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }
  /// Spawns the task there, in a group that is cancelled and joined when the thread ends.
  void spawn(std::function<Task<>()> task) {
    loop_->post([this, made = std::move(task)] { group_->spawn(call(made)); });
  }
  Loop& loop() { return *loop_; }
  /// Cancels what was spawned, destroys the loop, and joins.
  void end() {
    if (!thread_.joinable()) return;
    loop_->post([this] { loop_->stop(); });
    thread_.join();
  }

 private:
  void main(Kind kind) {
    std::optional<threads::detail::ThreadContext> context;
    if (kind == Kind::worker) {
      context.emplace();
      context->id = id_ = threads::detail::next_thread_id();
      threads::detail::set_worker_context(&*context);
    }
    {
      Loop loop;
      TaskGroup group;
      loop_ = &loop;
      group_ = &group;
      ready_.set_value();
      loop.run();
      group.cancel(CancelReason::shutdown);
      loop.run([](TaskGroup& all) -> Task<> { co_await all.join(); }(group));
    }
    if (context) {
      threads::detail::run_at_end(*context);
      threads::detail::set_worker_context(nullptr);
    }
    EXPECT_EQ(brigade::detail::live_frames(), 0);
  }

  std::promise<void> ready_;
  std::uint32_t id_ = 0;
  Loop* loop_ = nullptr;
  TaskGroup* group_ = nullptr;
  std::thread thread_;
};

}  // namespace brigade::testing_support
