// What code that runs in a worker thread knows about it. All of it may be called on any thread; on
// one that is no worker thread it says so.
#pragma once

#include <brigade/environment.hpp>
#include <brigade/message_port.hpp>

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

namespace brigade::threads {

/// Of the process's first thread.
bool is_main_thread();

/// 1, 2, 3… in worker threads, unique in the process, never reused; 0 elsewhere.
std::uint32_t thread_id();

/// WorkerOptions::name; empty elsewhere.
std::string_view thread_name();

/// To the owner: its Worker's messages are received here, and what is posted here goes to
/// Worker::on_message. With a message handler it keeps the thread alive. Elsewhere a port that is
/// closed. Keep no reference beyond the thread's end.
MessagePort& parent_port();

/// WorkerOptions::worker_data; null elsewhere. The thread's own: it may be moved from.
Value& worker_data();

/// The same, converted; throws MessageError when it is not of that type.
template <class T>
T worker_data() {
  Result<Value> copy = worker_data().clone();
  if (!copy) throw MessageError(copy.error());
  Result<T> converted = value_to<T>(std::move(*copy));
  if (!converted) throw MessageError(converted.error());
  return std::move(*converted);
}

/// This thread's environment variables; the main thread's on one that is no worker thread.
Environment& environment();

/// Requested when somebody terminates this thread. Never requested on one that is no worker thread.
/// What computes for long asks it now and then: nothing else can stop a thread that does not wait.
std::stop_token stop_token();
inline bool stop_requested() {
  return stop_token().stop_requested();
}

/// Ends this worker thread, and nothing else, with an exit code: no statement after it runs; local
/// objects are destroyed. It throws something that is no std::exception: a `catch (...)` that
/// swallows it delays the end to the next co_await. Under run_main() it ends the program; elsewhere
/// it is an uncaught exception.
[[noreturn]] void exit(int code = 0);

/// Runs `hook` when this worker thread ends: by itself, by exit() or by an exception, but not when
/// it is terminated. Newest first. It may change the exit code. Ignored elsewhere.
void at_exit(std::function<void(int& code)> hook);

/// A line of output: to the owner's Worker::on_output where WorkerOptions::capture_output says so,
/// in order with the messages; else to standard output (or standard error) in one write.
void print(std::string_view text);
void print_error(std::string_view text);

}  // namespace brigade::threads
