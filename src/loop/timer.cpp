#include <brigade/timer.hpp>

#include <algorithm>
#include <bit>

namespace brigade {

namespace {
constexpr unsigned slot_bits = 6;
constexpr std::uint8_t due_level = 0xff;
}  // namespace

Timer::~Timer() {
  if (linked()) wheel_->disarm(*this);
}

void TimerWheel::arm(Timer& timer, std::uint64_t deadline_ms) {
  disarm(timer);
  // One slot of the top level less than a full turn: a deadline in the slot that we are in would be
  // taken for one that has come.
  constexpr std::uint64_t farthest = std::uint64_t{slots - 1} << (slot_bits * (levels - 1));
  timer.deadline_ = deadline_ms - elapsed_ > farthest && deadline_ms > elapsed_
                        ? elapsed_ + farthest
                        : deadline_ms;
  timer.wheel_ = this;
  place(timer);
}

void TimerWheel::disarm(Timer& timer) {
  if (!timer.linked()) return;
  timer.unlink();
  if (timer.level_ == due_level) return;
  Level& level = levels_[timer.level_];
  if (level.lists[timer.slot_].empty()) level.occupied &= ~(std::uint64_t{1} << timer.slot_);
}

void TimerWheel::place(Timer& timer) {
  if (timer.deadline_ <= elapsed_) {
    timer.level_ = due_level;
    due_.push_back(timer);
    return;
  }
  const unsigned highest = 63 - static_cast<unsigned>(std::countl_zero(elapsed_ ^ timer.deadline_));
  const unsigned index = std::min(highest / slot_bits, levels - 1);
  const unsigned slot = (timer.deadline_ >> (index * slot_bits)) % slots;
  timer.level_ = static_cast<std::uint8_t>(index);
  timer.slot_ = static_cast<std::uint8_t>(slot);
  levels_[index].occupied |= std::uint64_t{1} << slot;
  levels_[index].lists[slot].push_back(timer);
}

std::optional<std::uint64_t> TimerWheel::next() const {
  if (!due_.empty()) return elapsed_;
  // The lowest occupied level holds the nearest slot: higher ones begin after it wraps.
  for (unsigned index = 0; index < levels; ++index) {
    const std::uint64_t occupied = levels_[index].occupied;
    if (!occupied) continue;
    const unsigned shift = index * slot_bits;
    const unsigned current = (elapsed_ >> shift) % slots;
    const auto ahead =
        static_cast<unsigned>(std::countr_zero(std::rotr(occupied, static_cast<int>(current))));
    const std::uint64_t start = (elapsed_ >> shift) + ahead;
    return start << shift;
  }
  return std::nullopt;
}

void TimerWheel::advance(std::uint64_t now_ms) {
  // Only what is due now: a timer that arms itself for the past again waits for the next advance.
  detail::List<Timer> firing;
  firing.take(due_);
  while (true) {
    const std::optional<std::uint64_t> at = due_.empty() ? next() : std::optional(elapsed_);
    if (!at || *at > now_ms) break;
    elapsed_ = *at;
    for (unsigned index = levels; index-- > 0;) {
      const unsigned slot = (elapsed_ >> (index * slot_bits)) % slots;
      const std::uint64_t bit = std::uint64_t{1} << slot;
      Level& level = levels_[index];
      if (!(level.occupied & bit)) continue;
      level.occupied &= ~bit;
      detail::List<Timer> moved;
      moved.take(level.lists[slot]);
      while (Timer* timer = moved.pop_front()) place(*timer);
    }
    firing.take(due_);
  }
  if (now_ms > elapsed_) elapsed_ = now_ms;
  while (Timer* timer = firing.pop_front()) timer->on_timer();
}

}  // namespace brigade
