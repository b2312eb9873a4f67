// Worker threads: a thread with a loop and a message port of its own.
//
//     threads::Worker worker(counter, {.worker_data = 42, .name = "counter"});
//     worker.on_message([](int count) { log::info("{}", count); });
//     auto code = co_await worker.exited();
//
// and in the thread:
//
//     Task<> counter(int from) {                                   // worker_data, converted
//       threads::parent_port().post_message(from + 1).value();
//       co_return;
//     }
//
// For one computation and its result, threads::run (thread_run.hpp) is shorter; for many, a
// ThreadPool (thread_pool.hpp) is what should be used.
//
// How a thread ends: when its function has returned and nothing keeps its loop alive; or by
// threads::exit(), by an exception, or because it is terminated. Its owner then hears, in this
// order: every message and line of output, the error if there was one, and the exit.
#pragma once

#include <brigade/environment.hpp>
#include <brigade/message_port.hpp>
#include <brigade/thread_entry.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace brigade::threads {

namespace detail {
class WorkerOwner;
struct WorkerCore;
}  // namespace detail

/// Anything that to_value() takes; converted, and moved where it can be, when the options are made.
/// Throws MessageError when it cannot.
struct WorkerData {
  WorkerData() = default;
  template <class T>
  requires(!std::same_as<std::remove_cvref_t<T>, WorkerData>) WorkerData(T&& data)
      : value(convert(std::forward<T>(data))) {}

  Value value;

 private:
  template <class T>
  static Value convert(T&& data) {
    Result<Value> made = to_value(std::forward<T>(data));
    if (!made) throw MessageError(made.error());
    return std::move(*made);
  }
};

struct WorkerOptions {
  /// What the thread finds in threads::worker_data(). Moved there: ports travel, bytes are not
  /// copied.
  WorkerData worker_data = {};
  /// Shown by htop, `ps -L` and core dumps; Linux keeps 15 bytes.
  std::string name = "worker";
  /// The thread's environment variables. Nothing: a copy of the owner's, as of now.
  std::optional<Environment::Map> env = {};
  /// Instead: the owner's own, read and written by both.
  bool share_env = false;
  /// Bytes, at least 16 KiB. 0: the system's default, 8 MB of address space; only what is used
  /// costs memory.
  std::size_t stack_size = 0;
  /// threads::print() in the thread goes to on_output here, not to the process's output.
  bool capture_output = false;
  /// Messages that may wait in each direction. 0: any number.
  std::size_t max_queue = 0;
};

/// How a loop's thread has spent its time, as Node defines it: asleep, or not. 1 while a callback
/// blocks, whether it uses the CPU or not.
struct EventLoopUtilization {
  Duration idle{};
  Duration active{};
  double utilization = 0;

  /// Between an earlier reading and this one.
  EventLoopUtilization since(const EventLoopUtilization& earlier) const;
};

/// Of the calling thread's loop.
EventLoopUtilization event_loop_utilization();

/// `auto code = co_await worker.exited();`. Lives in the frame that waits.
class ExitWait final : public brigade::detail::Awaiter {
 public:
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return enter(waiter) && begin();
  }
  /// 0 for a function that returned, what it returned if that is an int, the code of exit(), 1
  /// after an exception or when it was terminated.
  int await_resume();

 private:
  friend class Worker;
  friend class detail::WorkerOwner;
  ExitWait(std::shared_ptr<detail::WorkerCore> core, detail::WorkerOwner* owner, bool rethrows)
      : Awaiter("worker thread"), core_(std::move(core)), owner_(owner), rethrows_(rethrows) {}
  bool begin();
  void on_cancel() override;

  std::shared_ptr<detail::WorkerCore> core_;
  detail::WorkerOwner* owner_;  // null once it has told of the end, or is gone
  bool rethrows_;
  std::exception_ptr failure_;  // to be thrown
};

/// The owner's handle. Belongs to the loop where it was made (throws std::logic_error without one).
/// Move-only. The destructor terminates the thread and waits for it: a thread that does not look at
/// its stop_token, and awaits nothing, holds it up.
class Worker {
 public:
  /// `function` returns nothing, an int (the exit code), or a Task of either, and takes nothing, or
  /// one parameter: worker_data, converted to its type. Called on the new thread, and destroyed
  /// there. Where the system has no room for a thread, on_error hears of it.
  template <class Function>
  requires(!std::same_as<std::remove_cvref_t<Function>, Worker>) explicit Worker(
      Function function, WorkerOptions options = {})
      : Worker(detail::make_entry(std::move(function)), std::move(options)) {}
  Worker(Worker&& other) noexcept;
  Worker& operator=(Worker&& other) noexcept;
  ~Worker();

  /// To the thread's parent_port(); see MessagePort::post_message. EPIPE when it has ended.
  template <class T>
  requires(!std::same_as<std::remove_cvref_t<T>, Value>) Result<void> post_message(T&& message) {
    return value_detail::post_converted(
        std::forward<T>(message), [&](Value&& value) { return post_message(std::move(value)); });
  }
  Result<void> post_message(Value&& message);
  /// The same, and waits for room in a full queue (WorkerOptions::max_queue).
  template <class T>
  brigade::detail::SendToPort send(T&& message) {
    if constexpr (std::same_as<T, Value>) {
      return send_value(std::move(message));
    } else {
      return send_value(to_value(std::forward<T>(message)));
    }
  }

  /// The thread's next message; nothing when it has ended. Not beside on_message.
  template <class T = Value>
  Receive<T> receive() {
    return Receive<T>(mailbox());
  }

  // Callbacks, on this thread's loop. One that throws ends it (Loop::fail).
  /// The thread's loop is there, and its function is about to be called.
  void on_online(std::function<void()> callback);
  /// Messages that come before there is a handler wait for it.
  template <class Function>
  void on_message(Function handler) {
    set_handler(brigade::detail::make_message_handler(std::move(handler)));
  }
  /// A message that on_message's parameter cannot take. Without it they become log lines.
  void on_message_error(std::function<void(const MessageError&)> callback);
  /// A line of output of a thread with capture_output.
  void on_output(std::function<void(std::string_view text, bool is_error)> callback);
  /// An exception escaped from the thread. If nobody listens, here or in exited(), it is this
  /// thread's: its loop fails with it, and so on up to main.
  void on_error(std::function<void(std::exception_ptr error)> callback);
  /// Always last. The thread is gone.
  void on_exit(std::function<void(int code)> callback);

  /// Waits for the end; throws what escaped from the thread unless on_error listens.
  ExitWait exited();
  /// Asks the thread to end, at once; may be awaited. What computes must look at its stop_token;
  /// what waits (co_await, atomics::wait, receive_sync) is woken. Nothing when it has ended.
  ExitWait terminate();

  bool running() const;
  /// Unique in the process, never reused.
  std::uint32_t thread_id() const;
  const std::string& name() const;
  /// All zero before the thread is online and after its end.
  EventLoopUtilization event_loop_utilization() const;
  /// CPU time of the thread so far; nothing after its end.
  std::optional<Duration> cpu_time() const;

  /// A running worker keeps its owner's loop alive (run_main waits for it); unref() changes that.
  void ref();
  void unref();
  bool has_ref() const;

 private:
  Worker(std::unique_ptr<detail::ThreadEntry> entry, WorkerOptions options);
  brigade::detail::Mailbox* mailbox();
  void set_handler(std::shared_ptr<brigade::detail::MessageHandler> handler);
  brigade::detail::SendToPort send_value(Result<Value> message);

  std::unique_ptr<detail::WorkerOwner> owner_;
};

}  // namespace brigade::threads
