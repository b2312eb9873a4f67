// What the supervisor knows and what it says: plain values, so that it can be tested without
// processes and handed to another process.
#pragma once

#include <brigade/time.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <variant>
#include <vector>

#include "cluster/restart_policy.hpp"

namespace brigade::cluster {

/// A worker that lives.
struct Member {
  std::uint64_t id = 0;
  std::uint32_t position = 0;
  std::uint64_t generation = 0;
  bool leaving = false;  // it drains or is killed, and its death is no trouble
  std::optional<TimePoint> listening_since = {};
  std::optional<TimePoint> listen_by = {};  // else it is killed
  std::optional<TimePoint> gone_by = {};    // likewise
  std::optional<TimePoint> answer_by = {};  // likewise: an adopted one
};

/// A living worker that another supervisor had.
struct Adopted {
  std::uint64_t worker = 0;
  std::uint32_t position = 0;
  std::uint64_t generation = 0;
  std::uint64_t restarts = 0;  // of its position
  bool listens = false;
  bool leaving = false;
  bool answers = false;  // it knows whose it is
};

/// A place for one worker. Its number never changes; one that is not wanted any more is kept, and
/// the next worker gets the lowest such.
///
/// Invariant: one that is wanted has a worker, or a successor, or a time to start one, or is given
/// up. (Or a Start is on its way to being carried out.)
struct Position {
  std::uint32_t number = 0;
  RestartPolicy policy;
  std::uint64_t generation = 0;  // whose program its next worker runs
  std::uint64_t worker = 0;      // id; serves, or starts in order to
  std::uint64_t successor = 0;   // id; to take the worker's place
  std::uint64_t restarts = 0;
  std::optional<TimePoint> restart_at = {};
  bool wanted = true;
  bool given_up = false;
  bool starting = false;  // a Start is on its way
  bool proven = false;    // a worker has listened here: so its next must
  bool tried = false;     // its first worker has listened or died
};

/// Replacing workers at several positions.
struct Change {
  enum class Kind : std::uint8_t { none, reload, recycle, roll_back };
  struct Target {
    std::uint32_t position = 0;
    std::uint64_t worker = 0;  // recycle: this one, or nobody
    unsigned failures = 0;
  };
  /// One position that is being changed.
  struct Step {
    enum class Phase : std::uint8_t {
      starting,  // the successor does not listen yet
      watched,   // it does, and the old worker goes on serving until it has proven itself
      draining,  // the successor has taken over
    };
    Target target;
    Phase phase = Phase::starting;
    std::uint64_t old = 0;  // who drains
  };
  struct Replaced {
    std::uint32_t position = 0;
    std::uint64_t worker = 0;
    TimePoint watched_until{};
  };

  Kind kind = Kind::none;
  std::uint64_t generation = 0;  // reload, roll_back: what they lead to
  std::deque<Target> left = {};
  std::vector<Step> steps = {};
  std::vector<Replaced> replaced = {};        // reload
  std::optional<TimePoint> first_until = {};  // reload: while the first successor alone is watched
  bool first_passed = false;
  std::size_t positions = 0;  // roll_back: how many there were to do
  std::size_t failures = 0;   // roll_back: how many could not be
};

/// To be done, in this order.
namespace action {
/// Answered by Supervisor::started().
struct Start {
  std::uint32_t position;
  std::uint64_t generation;
  bool successor;
  bool fresh;    // the position is new: it gets the settings of now
  bool restart;  // after a death
};
struct Drain {
  std::uint64_t worker;
  bool briefly;  // the whole cluster stops, or the worker is not needed: idle clients get less time
};
enum class Why : std::uint8_t { not_listening, not_gone, not_answering, stop };
struct Kill {
  std::uint64_t worker;
  Why why;
};
/// Holds on to the files of all positions' programs; answered by Supervisor::opened().
struct OpenPrograms {
  std::uint64_t generation;
};
/// Closes those that Supervisor::needs() does not name.
struct ClosePrograms {};
struct End {
  int code;
};

// Nothing to do: to be told.
struct Unstable {
  std::uint32_t position;
  unsigned deaths;
  Duration delay;
};
struct GivenUp {
  std::uint32_t position;
  bool by_rule;
};
struct NoneCouldStart {};
struct NoneLeft {};
struct StopByRule {
  std::uint32_t position;
};
struct ReloadBegun {
  std::uint64_t generation;
};
struct ReloadFinished {
  std::uint64_t generation;
};
enum class Fault : std::uint8_t { not_started, died, rejected };
/// A new worker failed. `rolling_back` positions that run the new program get the old one again.
struct ReloadFailed {
  std::uint32_t position;
  Fault fault;
  std::size_t rolling_back;
};
struct RolledBack {
  std::uint64_t generation;
  std::size_t positions;
  std::size_t failed;  // of those, how many could not be
};
struct RecycleFailed {
  std::uint32_t position;
};
struct Scaled {
  std::size_t from, to;
};
}  // namespace action

using Action = std::variant<action::Start, action::Drain, action::Kill, action::OpenPrograms,
                            action::ClosePrograms, action::End, action::Unstable, action::GivenUp,
                            action::NoneCouldStart, action::NoneLeft, action::StopByRule,
                            action::ReloadBegun, action::ReloadFinished, action::ReloadFailed,
                            action::RolledBack, action::RecycleFailed, action::Scaled>;

}  // namespace brigade::cluster
