// A worker whose primary died: it goes on serving, and sees to it that there is a new one.
#pragma once

#include <brigade/child.hpp>
#include <brigade/timer.hpp>

#include <functional>
#include <memory>
#include <optional>

#include "cluster/election.hpp"
#include "cluster/rejoin.hpp"
#include "cluster/role.hpp"
#include "cluster/will.hpp"

namespace brigade::cluster::detail {

/// Loop thread only.
class Succession final : private Timer {
 public:
  struct Callbacks {
    /// Whether this worker may start a primary: it serves, and does not drain.
    std::function<bool()> may_stand;
    /// There is no primary, and none will come.
    std::function<void()> give_up;
  };

  /// Fails when the will cannot be read: then the death of the primary is the end.
  static Result<std::unique_ptr<Succession>> make(Estate estate, Callbacks callbacks);
  ~Succession();

  /// How long workers wait for a new primary.
  Duration patience() const { return will_.patience; }
  /// The primary is gone, and `hello` is for the next one.
  void primary_lost(Hello hello);
  /// One has taken this worker over.
  void primary_reigns();
  /// This worker leaves: whatever comes, it starts no primary.
  void stop();

 private:
  Succession(Estate estate, Will will, Callbacks callbacks);
  void on_timer() override { look(); }
  void look();
  void send();
  void stand();
  void start_heir();
  void heir_ended(ExitStatus status);
  void step_down();

  Estate estate_;
  Will will_;
  Callbacks callbacks_;
  Loop& loop_;
  Election election_;
  std::optional<Hello> unsent_;
  std::unique_ptr<ChildWatch> heir_;  // while we hold the election's lock
  bool elected_ = false;
};

}  // namespace brigade::cluster::detail
