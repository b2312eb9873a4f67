// A rolling reload: a state machine over events, without processes.
//
// One position at a time: its successor is started, and only when that listens is the predecessor
// told to drain; the next position follows when the predecessor is gone. A successor that dies
// first ends the reload: what served before goes on serving.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <variant>

namespace brigade::cluster {

class ReloadPlan {
 public:
  struct Start {
    std::uint32_t number;
  };
  struct DrainOld {
    std::uint32_t number;
  };
  struct Finished {};
  struct Failed {
    std::uint32_t number;
  };
  /// What to do next; monostate: wait.
  using Step = std::variant<std::monostate, Start, DrainOld, Finished, Failed>;

  bool running() const { return state_ != State::idle; }
  /// The position whose successor is being started, or whose predecessor is draining.
  std::optional<std::uint32_t> current() const {
    return running() && !left_.empty() ? std::optional(left_.front()) : std::nullopt;
  }

  /// While one runs, a second request is kept, and begins when the first has ended.
  Step request(std::deque<std::uint32_t> numbers) {
    if (running()) {
      again_ = true;
      return {};
    }
    left_ = std::move(numbers);
    return next();
  }
  bool has_repeat() const { return again_; }
  /// True once after a reload ended during which another was asked for.
  bool take_repeat() { return std::exchange(again_, false); }

  Step successor_listens() {
    if (state_ != State::starting) return {};
    state_ = State::draining;
    return DrainOld{left_.front()};
  }
  Step predecessor_gone() {
    if (state_ != State::draining) return {};
    left_.pop_front();
    return next();
  }
  /// Died before it listened, or took too long.
  Step successor_failed() {
    if (state_ != State::starting) return {};
    const std::uint32_t number = left_.front();
    left_.clear();
    state_ = State::idle;
    return Failed{number};
  }
  void abandon() {
    left_.clear();
    state_ = State::idle;
    again_ = false;
  }

 private:
  enum class State { idle, starting, draining };

  Step next() {
    if (left_.empty()) {
      state_ = State::idle;
      return Finished{};
    }
    state_ = State::starting;
    return Start{left_.front()};
  }

  State state_ = State::idle;
  std::deque<std::uint32_t> left_;
  bool again_ = false;
};

}  // namespace brigade::cluster
