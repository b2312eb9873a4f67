// What belongs to one worker thread, or to all other threads of the process together.
#pragma once

#include <brigade/environment.hpp>
#include <brigade/message_port.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "threads/environment_data.hpp"

namespace brigade::threads::detail {

/// Touched by its thread only, but for what says otherwise.
struct ThreadContext {
  std::uint32_t id = 0;
  std::string name;
  Value worker_data;
  MessagePort parent_port;
  std::shared_ptr<Environment> environment;
  EnvironmentData environment_data;  // any thread
  std::stop_token stop;
  std::optional<int> exit_code;  // of exit()
  std::vector<std::function<void(int& code)>> exit_hooks;
  /// Null: not captured.
  std::function<void(std::string text, bool is_error)> output;
  /// Run last, on the thread, when its loop is gone: gives back what the thread holds in the
  /// process (locks, its place among those that can be posted to).
  std::vector<std::function<void()>> at_end;
};

/// This worker thread's; null elsewhere.
ThreadContext* worker_context();
/// This worker thread's, else the one that all other threads share. (Those share only what may be
/// shared: the environment and its data.)
ThreadContext& context();
/// 1, 2, 3…
std::uint32_t next_thread_id();
/// Runs context.at_end, newest first.
void run_at_end(ThreadContext& context);
void set_worker_context(ThreadContext* context);

}  // namespace brigade::threads::detail
