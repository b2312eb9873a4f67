// A worker's connections for the program's messages: to its primary, and to siblings.
//
// Invariants: there is one of these while the main thread's loop runs, from the first use on; its
// pipes close before the channel does, so that the primary has read all messages when it hears that
// the worker has disconnected.
#pragma once

#include <brigade/cluster_worker.hpp>

#include <list>
#include <memory>
#include <vector>

#include "cluster/broadcasts.hpp"
#include "cluster/messenger.hpp"
#include "cluster/process.hpp"

namespace brigade::cluster::detail {

class WorkerMessages final : private brigade::detail::LoopClient,
                             private Drainable,
                             private BroadcastRoute {
 public:
  /// Made when there is none. Throws std::logic_error where there is no loop, or not the main
  /// thread.
  static WorkerMessages& instance();
  /// Another handler is wished for: now, or when there is a loop.
  static void wishes_changed();
  /// A sibling asked for this worker.
  static void introduced(const Introduced& who, Fd pipe);
  /// This process to its program: connected once there is a loop.
  static ThisWorker& self();

  Process& process() { return *process_; }
  /// Those whose connection is open; null when there is none.
  const Sibling* find(std::uint64_t id) const;
  const Sibling* find_at(std::uint32_t number) const;
  const Sibling& add(std::uint64_t id, std::uint32_t number, Fd pipe);

 private:
  explicit WorkerMessages(std::shared_ptr<Process> process);
  ~WorkerMessages();
  void on_loop_end() override { delete this; }
  void on_drain(Duration quiet, Duration deadline) override;
  Result<void> send(std::string_view name, std::span<const std::byte> value,
                    const std::vector<Fd>& descriptors) override;
  static void flush_at_exit();
  void set_handlers();
  static void set_handlers_of(Sibling& sibling);
  void forget_those_that_are_gone();
  void keep_loop();
  void let_loop_end();

  Loop& loop_;
  std::shared_ptr<Process> process_;
  std::shared_ptr<Messenger> primary_;  // null: this process has no pipe to one
  std::list<Sibling> siblings_;         // their handlers refer to them
  bool keeps_loop_ = false;
  bool lets_loop_end_ = false;  // it drains, or has lost its primary
};

}  // namespace brigade::cluster::detail
