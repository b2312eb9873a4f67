// What a worker thread and its owner share. Whoever ends last frees it.
#pragma once

#include <brigade/loop_meter.hpp>
#include <brigade/worker_thread.hpp>

#include <exception>
#include <memory>
#include <string>

#include "message/port_core.hpp"
#include "threads/thread_context.hpp"
#include "threads/thread_stop.hpp"

namespace brigade::threads::detail {

struct WorkerCore {
  // Kinds of envelopes in the owner's mailbox, beside messages.
  static constexpr std::uint32_t online = brigade::detail::Envelope::first_own;
  static constexpr std::uint32_t output = online + 1;
  static constexpr std::uint32_t error_output = online + 2;
  static constexpr std::uint32_t error = online + 3;
  static constexpr std::uint32_t exit = online + 4;

  // Port 0 is the owner's, without a MessagePort: it reads more than messages.
  static constexpr unsigned owners_side = 0;
  static constexpr unsigned threads_side = 1;

  WorkerCore(std::string its_name, std::size_t max_queue)
      : name(std::move(its_name)), pair(std::make_shared<brigade::detail::PortPair>(max_queue)) {}

  brigade::detail::Mailbox& to_owner() { return pair->boxes[owners_side]; }
  brigade::detail::Mailbox& to_thread() { return pair->boxes[threads_side]; }
  void tell(std::uint32_t kind, Value value = {}) {
    to_owner().put(brigade::detail::Envelope{.value = std::move(value), .kind = kind});
  }

  const std::uint32_t id = next_thread_id();
  const std::string name;
  const std::shared_ptr<brigade::detail::PortPair> pair;
  LoopMeter meter{};
  /// When the loop began, monotonic ns; 0 before.
  Cell<Duration::rep> began_ns{};
  ThreadStop stop;

  // Written by the thread before it tells `exit`, read by the owner afterwards.
  std::exception_ptr failure;
  int exit_code = 1;
};

/// All that a new thread is given.
struct WorkerStart {
  std::shared_ptr<WorkerCore> core;
  std::unique_ptr<ThreadEntry> entry;
  Value worker_data;
  std::shared_ptr<Environment> environment;
  EnvironmentSnapshot environment_data;
  bool capture_output = false;
};

/// The thread's main, from its first to its last instruction.
void worker_main(WorkerStart start);

}  // namespace brigade::threads::detail
