// Timers in a hierarchical wheel (Varghese and Lauck, "Hashed and hierarchical timing wheels", SOSP
// 1987): arming and disarming are O(1) and allocate nothing, whatever the number of timers.
#pragma once

#include <brigade/list.hpp>

#include <array>
#include <cstdint>
#include <optional>

namespace brigade {

/// One deadline. A timer that is destroyed is disarmed. Loop thread only.
class Timer : public detail::ListNode {
 public:
  virtual void on_timer() = 0;
  bool armed() const { return linked(); }

 protected:
  ~Timer();

 private:
  friend class TimerWheel;
  class TimerWheel* wheel_ = nullptr;
  std::uint64_t deadline_ = 0;  // ms on the wheel's clock
  std::uint8_t level_ = 0;
  std::uint8_t slot_ = 0;
};

/// Milliseconds in, expired timers out; it has no clock of its own.
///
/// Invariant: a timer of level L sits in the slot of its deadline's L-th group of six bits, and its
/// deadline agrees with `elapsed_` in all higher groups. `occupied_` has a bit per non-empty slot.
class TimerWheel {
 public:
  static constexpr unsigned levels = 7;  // 64^7 ms: 139 years
  static constexpr unsigned slots = 64;

  /// Arms, or arms anew. A deadline that is past fires at the next advance(); one that is farther
  /// off than 137 years fires then.
  void arm(Timer& timer, std::uint64_t deadline_ms);
  void disarm(Timer& timer);
  /// When advance() has something to do: a timer's time, or the time to sort a slot more finely.
  std::optional<std::uint64_t> next() const;
  /// Fires everything due at `now_ms`, in the order of its milliseconds.
  void advance(std::uint64_t now_ms);
  std::uint64_t elapsed() const { return elapsed_; }

 private:
  struct Level {
    std::uint64_t occupied = 0;
    std::array<detail::List<Timer>, slots> lists;
  };
  void place(Timer& timer);

  std::uint64_t elapsed_ = 0;
  detail::List<Timer> due_;
  std::array<Level, levels> levels_;
};

}  // namespace brigade
