// Several tasks at once. Both forms wait for whatever they cancel: when they return, nothing of
// theirs is still running.
#pragma once

#include <brigade/task.hpp>

#include <memory>
#include <tuple>
#include <variant>
#include <vector>

namespace brigade {

namespace detail {

/// What a branch without a result contributes.
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// Runs branches and resumes its waiter when the last has ended.
class Branches : public Awaiter {
 public:
  using Awaiter::Awaiter;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    if (!enter(waiter)) return false;
    start_all();
    if (running_ > 0) return true;
    if (spend_budget()) return false;
    resume_later();
    return true;
  }

 protected:
  ~Branches() = default;
  virtual void start_all() = 0;
  virtual void cancel_all(CancelReason reason) = 0;
  /// Called as each branch ends. Returns true to cancel the others.
  virtual bool branch_done(std::size_t index) = 0;
  void on_cancel() override { cancel_all(scope()->reason()); }

  template <class T>
  class Branch final : public TaskOwner {
   public:
    Branch(Branches& all, std::size_t index, Task<T> task)
        : all_(all), index_(index), task_(std::move(task)) {}
    void start() {
      scope_ =
          std::make_unique<TaskScope>(all_.scope() ? all_.scope()->name() : "branch", all_.scope());
      ++all_.running_;
      if (task_.start(this, scope_.get())) finished();
    }
    void cancel(CancelReason reason) {
      if (scope_ && !task_.finished()) scope_->cancel(reason);
    }
    Task<T>& task() { return task_; }

   private:
    void on_task_done() override {
      finished();
      if (all_.running_ == 0) all_.resume_later();
    }
    void finished() {
      --all_.running_;
      if (all_.branch_done(index_)) all_.cancel_all(CancelReason::user);
    }
    Branches& all_;
    std::size_t index_;
    std::unique_ptr<TaskScope> scope_;  // before the task: its frame still refers to the scope
    Task<T> task_;
  };

  template <class T>
  static Stored<T> take(Task<T>& task) {
    if constexpr (std::is_void_v<T>) {
      task.take_result();
      return {};
    } else {
      return task.take_result();
    }
  }

  std::size_t running_ = 0;
};

template <class... Ts>
class [[nodiscard]] WhenAll final : public Branches {
 public:
  explicit WhenAll(Task<Ts>... tasks)
      : WhenAll(std::index_sequence_for<Ts...>(), std::move(tasks)...) {}

  std::tuple<Stored<Ts>...> await_resume() {
    if (failed_ >= 0) rethrow(std::index_sequence_for<Ts...>());
    throw_if_cancelled();
    return std::apply(
        [](auto&... branch) { return std::tuple<Stored<Ts>...>(take(branch.task())...); },
        branches_);
  }

 private:
  template <std::size_t... I>
  WhenAll(std::index_sequence<I...>, Task<Ts>... tasks)
      : Branches("when_all"), branches_(Branch<Ts>(*this, I, std::move(tasks))...) {}
  void start_all() override {
    std::apply([this](auto&... branch) { ((failed_ < 0 ? branch.start() : void()), ...); },
               branches_);
  }
  void cancel_all(CancelReason reason) override {
    std::apply([reason](auto&... branch) { (branch.cancel(reason), ...); }, branches_);
  }
  bool branch_done(std::size_t index) override {
    if (failed_ >= 0 || !failed(index, std::index_sequence_for<Ts...>())) return false;
    failed_ = static_cast<int>(index);
    return true;
  }
  template <std::size_t... I>
  bool failed(std::size_t index, std::index_sequence<I...>) {
    return ((I == index && std::get<I>(branches_).task().failed()) || ...);
  }
  template <std::size_t... I>
  void rethrow(std::index_sequence<I...>) {
    ((static_cast<int>(I) == failed_ ? void(take(std::get<I>(branches_).task())) : void()), ...);
  }

  std::tuple<Branch<Ts>...> branches_;
  int failed_ = -1;
};

template <class T>
class [[nodiscard]] WhenAllOf final : public Branches {
 public:
  explicit WhenAllOf(std::vector<Task<T>> tasks) : Branches("when_all") {
    branches_.reserve(tasks.size());
    for (Task<T>& task : tasks) branches_.emplace_back(*this, branches_.size(), std::move(task));
  }

  std::vector<Stored<T>> await_resume() {
    if (failed_ >= 0) take(branches_[static_cast<std::size_t>(failed_)].task());
    throw_if_cancelled();
    std::vector<Stored<T>> out;
    out.reserve(branches_.size());
    for (auto& branch : branches_) out.push_back(take(branch.task()));
    return out;
  }

 private:
  void start_all() override {
    for (auto& branch : branches_) {
      if (failed_ < 0) branch.start();
    }
  }
  void cancel_all(CancelReason reason) override {
    for (auto& branch : branches_) branch.cancel(reason);
  }
  bool branch_done(std::size_t index) override {
    if (failed_ >= 0 || !branches_[index].task().failed()) return false;
    failed_ = static_cast<int>(index);
    return true;
  }

  std::vector<Branch<T>> branches_;
  int failed_ = -1;
};

template <class... Ts>
class [[nodiscard]] WhenAny final : public Branches {
 public:
  explicit WhenAny(Task<Ts>... tasks)
      : WhenAny(std::index_sequence_for<Ts...>(), std::move(tasks)...) {}

  /// The winner's result at its place in the variant; its exception if it threw.
  std::variant<Stored<Ts>...> await_resume() {
    if (winner_ < 0) throw_if_cancelled();
    return result<0>();
  }

 private:
  template <std::size_t... I>
  WhenAny(std::index_sequence<I...>, Task<Ts>... tasks)
      : Branches("when_any"), branches_(Branch<Ts>(*this, I, std::move(tasks))...) {}
  void start_all() override {
    std::apply([this](auto&... branch) { ((winner_ < 0 ? branch.start() : void()), ...); },
               branches_);
  }
  void cancel_all(CancelReason reason) override {
    std::apply([reason](auto&... branch) { (branch.cancel(reason), ...); }, branches_);
  }
  bool branch_done(std::size_t index) override {
    if (winner_ >= 0 || (scope() && scope()->cancelled())) return false;
    winner_ = static_cast<int>(index);
    return true;
  }
  template <std::size_t I>
  std::variant<Stored<Ts>...> result() {
    if (static_cast<int>(I) == winner_) {
      return std::variant<Stored<Ts>...>(std::in_place_index<I>,
                                         take(std::get<I>(branches_).task()));
    }
    if constexpr (I + 1 < sizeof...(Ts)) {
      return result<I + 1>();
    } else {
      throw Cancelled(CancelReason::user);  // no branch was there to win
    }
  }

  std::tuple<Branch<Ts>...> branches_;
  int winner_ = -1;
};

}  // namespace detail

/// Waits for all. The first exception cancels the rest, waits for them, and is rethrown. A task
/// that returns nothing contributes std::monostate.
template <class... Ts>
auto when_all(Task<Ts>... tasks) {
  return detail::WhenAll<Ts...>(std::move(tasks)...);
}
template <class T>
auto when_all(std::vector<Task<T>> tasks) {
  return detail::WhenAllOf<T>(std::move(tasks));
}

/// Waits for the first to end, cancels the others and waits for those too.
template <class... Ts>
auto when_any(Task<Ts>... tasks) {
  static_assert(sizeof...(Ts) > 0, "when_any needs a task");
  return detail::WhenAny<Ts...>(std::move(tasks)...);
}

/// Wraps an awaitable that can be moved, such as sleep(): `when_any(work(), as_task(sleep(1s)))`. A
/// pool job cannot be moved; wrap it in a coroutine of your own.
template <class Awaitable>
auto as_task(Awaitable awaitable) -> Task<decltype(awaitable.operator co_await().await_resume())> {
  co_return co_await awaitable;
}

}  // namespace brigade
