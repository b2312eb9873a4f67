// When a server refuses work to stay useful: a decision without I/O, over times it is given.
//
// A queue that is longer than clients are patient makes a server work on requests that nobody waits
// for any more: all its work is wasted, and no request gets through. So what has waited too long is
// refused at once, which costs some microseconds, and the rest is served in time.
#pragma once

#include <brigade/time.hpp>

#include <algorithm>
#include <cstddef>

namespace brigade::http::detail {

/// One per server. Loop thread only.
class Overload {
 public:
  /// 0: no limit.
  Overload(Duration max_age, std::size_t max_in_flight)
      : max_age_(max_age), max_in_flight_(max_in_flight) {}

  /// True: answer 503. `ready_since` is when the descriptors that the loop works through now became
  /// ready, at the earliest; `now` needs to be no newer than the last batch of answers; `in_flight`
  /// counts the handlers that wait.
  bool sheds(TimePoint ready_since, TimePoint now, std::size_t in_flight) {
    if (max_in_flight_ != 0 && in_flight >= max_in_flight_) return true;
    if (max_age_ == Duration::zero()) return false;
    if (now - std::max(ready_since, forgiven_) <= max_age_) {
      shedding_ = false;
      return false;
    }
    return sheds_old(now);
  }

 private:
  /// Refused clients that come back at once keep the queue long for ever. So refusing has its end,
  /// too: then the age counts anew, and work goes on. An eighth of the limit, but not before a long
  /// queue could be refused: where the processor is short, time passes without us.
  bool sheds_old(TimePoint now) {
    if (!shedding_) {
      until_ = now + max_age_ / 8;
      refused_ = 0;
    }
    shedding_ = now < until_ || refused_ < least_refused;
    ++refused_;
    if (!shedding_) forgiven_ = now;
    return shedding_;
  }

  static constexpr std::size_t least_refused = 1024;

  Duration max_age_;
  std::size_t max_in_flight_;
  TimePoint forgiven_{};
  TimePoint until_{};
  std::size_t refused_ = 0;
  bool shedding_ = false;
};

}  // namespace brigade::http::detail
