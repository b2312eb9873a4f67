// The events of a cluster's workers for a task to wait for.
//
//     auto events = primary.events();
//     while (auto event = co_await events.next()) { … }
#pragma once

#include <brigade/child.hpp>
#include <brigade/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

namespace brigade::cluster {

/// A copy of the facts: the worker's handle may be gone when somebody looks at it.
struct WorkerEvent {
  enum class Kind : std::uint8_t { fork, online, listening, disconnect, exit };
  Kind kind = Kind::fork;
  std::uint64_t id = 0;  // the worker's
  std::uint32_t number = 0;
  pid_t pid = 0;
  std::string address = {};            // listening
  ExitStatus status = {};              // exit
  std::optional<bool> voluntary = {};  // disconnect, exit: exited_after_disconnect()
};

namespace detail {
class EventQueue;
}

/// Move-only; the primary's thread. Events wait here in their order, 4096 at most: then the oldest
/// are dropped.
class EventStream {
 public:
  explicit EventStream(std::shared_ptr<detail::EventQueue> queue) : queue_(std::move(queue)) {}
  EventStream(EventStream&&) noexcept = default;
  EventStream& operator=(EventStream&&) noexcept = default;

  /// The next event; nothing when the primary is gone. One wait at a time.
  Task<std::optional<WorkerEvent>> next();

 private:
  std::shared_ptr<detail::EventQueue> queue_;
};

}  // namespace brigade::cluster
