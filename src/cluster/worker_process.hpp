// One worker as its primary holds it: a pidfd, a channel, and where it is in its life.
#pragma once

#include <brigade/cluster.hpp>
#include <brigade/log.hpp>

#include <memory>
#include <optional>
#include <vector>

#include "cluster/channel.hpp"
#include "cluster/hang_watch.hpp"
#include "cluster/messenger.hpp"
#include "cluster/output_pipe.hpp"
#include "cluster/stack_report.hpp"

namespace brigade::cluster::detail {

class PrimaryCore;

/// Invariant: it is gone from the table when it is reaped *and* its channel is closed; the two come
/// in either order, and what it said before it died is read before its death is judged.
class WorkerProcess final {
 public:
  WorkerProcess(PrimaryCore& core, std::uint64_t id, std::uint32_t number, std::uint64_t generation,
                unsigned slot)
      : core_(core),
        handle_(*this),
        id_(id),
        number_(number),
        generation_(generation),
        slot_(slot) {}

  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  ~WorkerProcess() {
    if (messages) messages->close();  // whoever else holds it must not reach us
  }

  Worker& handle() { return handle_; }
  std::uint64_t id() const { return id_; }
  std::uint32_t number() const { return number_; }
  std::uint64_t generation() const { return generation_; }
  unsigned slot() const { return slot_; }

  /// Notes why it is about to be ended, unless that is known.
  void blame(ExitCause cause, std::string detail = {}) {
    if (intended) return;
    intended = cause;
    intended_detail = std::move(detail);
  }

  /// Its pipe ended in the middle of a message: replaces it when that was not because it dies.
  void arm_torn_pipe();

  /// Its handle sends and hears over this.
  void carry_messages(std::shared_ptr<Messenger> over) {
    messages = over;
    handle_.messenger_ = std::move(over);
  }

  pid_t pid = -1;
  TimePoint started{};
  WorkerState state = WorkerState::starting;
  WorkerState state_before_drain = WorkerState::starting;
  std::optional<TimePoint> listening_since;
  std::optional<ExitStatus> exit;
  bool draining = false;  // it was asked to go, or said that it goes
  bool said_goodbye = false;
  bool fork_told = false;
  bool disconnect_told = false;
  std::optional<bool> voluntary;
  std::optional<ExitCause> intended;  // why the primary ends it, the first reason counts
  std::string intended_detail;
  std::string cgroup_file;           // of OomKills
  ExitReason reason;                 // once it has exited
  std::optional<StackReport> stack;  // the last that it told
  HangWatch hang;
  bool watched = false;
  bool farewell = false;                  // it is idle: one more look, then no more
  bool has_slept = false;                 // its loop; before that it may still set itself up
  bool stack_wanted = false;              // it was asked for, to be logged
  bool asked_before_end = false;          // where it hangs
  std::optional<ExitCause> replaced_for;  // a limit it has passed
  std::string replaced_detail;
  TimePoint replaced_at{};
  std::string failure;  // what it said about why it cannot start
  PrimaryCore& core_;   // outlives it
  std::unique_ptr<ChildWatch> child;
  std::unique_ptr<Channel> channel;
  std::shared_ptr<Messenger> messages;
  std::unique_ptr<OutputPipe> output, errors;  // null: it writes where the primary does

 private:
  struct TornPipe final : Timer {
    explicit TornPipe(WorkerProcess& of) : worker(of) {}
    void on_timer() override;
    WorkerProcess& worker;
  };

  TornPipe torn_pipe_{*this};
  Worker handle_;
  std::uint64_t id_;
  std::uint32_t number_;
  std::uint64_t generation_;
  unsigned slot_;
};

}  // namespace brigade::cluster::detail
