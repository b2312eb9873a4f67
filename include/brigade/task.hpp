// Task<T>: a coroutine that somebody awaits.
//
// Lazy: nothing runs before the co_await. Owned by one place, awaited once, as an rvalue:
//     auto user = co_await find_user(id);
// Everything in a task tree runs on the loop it was started on. Work that outlives a statement
// belongs to a TaskGroup; there is no detach.
//
// How it runs: a child is resumed inline by its parent's co_await. If it finishes without
// suspending, the parent goes on without a second resume, so a loop of synchronous awaits needs no
// tail calls and no stack (they are not guaranteed at -O0). After `Loop::budget` such completions
// the await really suspends, so that a long chain of ready results cannot starve the loop.
#pragma once

#include <brigade/compiler.hpp>
#include <brigade/task_scope.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace brigade {

template <class T = void>
class Task;

namespace detail {

/// Told when a task that nobody awaits has ended. Called inside the final suspension: it must not
/// destroy the frame there, only note the fact and do the rest from the loop.
class TaskOwner {
 public:
  virtual void on_task_done() = 0;

 protected:
  ~TaskOwner() = default;
};

void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;
/// Frames alive on this thread. For tests.
long live_frames();
/// True while the current turn may go on without suspending.
bool spend_budget();
void run_later(ReadyNode& node);

struct PromiseBase {
  std::coroutine_handle<> continuation;
  TaskOwner* owner = nullptr;
  TaskScope* scope = nullptr;
  std::exception_ptr error;
  // Not handle.done(): some compilers report it before the body's destructors have run.
  bool finished = false;

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      PromiseBase& promise = self.promise();
      promise.finished = true;
      if (promise.continuation) return promise.continuation;
      if (promise.owner) promise.owner->on_task_done();
      return std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <class U = T>
  void return_value(U&& from) {
    value.emplace(std::forward<U>(from));
  }
  T take() {
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() {
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
  }
};

/// Owns the child for the length of the co_await.
template <class T>
class [[nodiscard]] TaskAwaiter final : public ReadyNode {
 public:
  using Handle = std::coroutine_handle<Promise<T>>;
  explicit TaskAwaiter(Handle child) : child_(child) {}
  ~TaskAwaiter() {
    if (child_) child_.destroy();
  }
  bool await_ready() const noexcept { return false; }
  template <class Parent>
  bool await_suspend(std::coroutine_handle<Parent> parent) {
    Promise<T>& promise = child_.promise();
    promise.scope = parent.promise().scope;
    child_.resume();
    if (!promise.finished) {
      promise.continuation = parent;
      return true;
    }
    if (spend_budget()) return false;
    parent_ = parent;
    run_later(*this);
    return true;
  }
  T await_resume() { return child_.promise().take(); }
  void on_ready() override { parent_.resume(); }

 private:
  Handle child_;
  std::coroutine_handle<> parent_;
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using value_type = T;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  /// Destroying a suspended task cancels it without running its catch blocks, only destructors.
  ~Task() {
    if (handle_) handle_.destroy();
  }

  detail::TaskAwaiter<T> operator co_await() && noexcept {
    return detail::TaskAwaiter<T>(std::exchange(handle_, nullptr));
  }

  // For those who own a root: TaskGroup, when_all, the loop, a connection.

  /// Runs to the first suspension. True when it has ended already; `owner` is then not called.
  bool start(detail::TaskOwner* owner, detail::TaskScope* scope) {
    handle_.promise().scope = scope;
    handle_.resume();
    if (handle_.promise().finished) return true;
    handle_.promise().owner = owner;
    return false;
  }
  bool finished() const { return handle_.promise().finished; }
  bool failed() const { return handle_.promise().error != nullptr; }
  T take_result() { return handle_.promise().take(); }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

}  // namespace detail

/// Runs a coroutine lambda that is not stored anywhere else: it and its captures live in the frame
/// until the task ends. (`auto lambda = [x]() -> Task<> {...}; group.spawn(lambda());` would leave
/// the captures in `lambda`, which may be gone first: C++ Core Guidelines CP.51.)
template <class Function, class... Args>
auto call(Function function, Args... args) -> decltype(function(std::move(args)...)) {
  auto task = function(std::move(args)...);
  co_return co_await std::move(task);
}

}  // namespace brigade
