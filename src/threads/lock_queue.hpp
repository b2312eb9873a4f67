// Who may hold a lock, and who is next. Decisions only: no threads, no waiting; the caller tells
// those concerned.
//
// W3C Web Locks API, section 4 ("processing the lock request queue"): the first in line is granted
// when it is exclusive and nobody holds the lock, or shared and nobody holds it exclusively; then
// the next is looked at. Nobody overtakes, but by stealing.
#pragma once

#include <brigade/list.hpp>
#include <brigade/locks.hpp>

namespace brigade::locks::detail {

/// A request's place, in line or among the holders. Leaves when it dies, but tells nobody then:
/// remove() it first.
class LockPlace : public brigade::detail::ListNode {
 public:
  enum class State : std::uint8_t { outside, pending, held };

  explicit LockPlace(Mode mode) : mode_(mode) {}
  Mode mode() const { return mode_; }
  State state() const { return state_; }

 private:
  friend class LockQueue;
  const Mode mode_;
  State state_ = State::outside;
};

/// Of one name.
class LockQueue {
 public:
  bool empty() const { return held_.empty() && pending_.empty(); }

  /// Would a request be granted at once?
  bool available(Mode mode) { return pending_.empty() && allows(mode); }

  /// At the end of the line. The caller then calls grant().
  void add(LockPlace& place) {
    place.state_ = LockPlace::State::pending;
    pending_.push_back(place);
  }

  /// Moves all holders out and tells of each: lost(LockPlace&). `place` holds the lock then.
  template <class Lost>
  void steal(LockPlace& place, Lost lost) {
    while (LockPlace* holder = held_.pop_front()) {
      holder->state_ = LockPlace::State::outside;
      lost(*holder);
    }
    hold(place);
  }

  /// Out of the line or from among the holders. The caller then calls grant().
  void remove(LockPlace& place) {
    place.unlink();
    place.state_ = LockPlace::State::outside;
  }

  /// Lets those in whose turn it is, and tells of each: granted(LockPlace&).
  template <class Granted>
  void grant(Granted granted) {
    while (!pending_.empty() && allows(pending_.front().mode())) {
      LockPlace& next = *pending_.pop_front();
      hold(next);
      granted(next);
    }
  }

  /// In the order in which they got it.
  template <class Visit>
  void for_each_held(Visit visit) {
    held_.for_each(visit);
  }
  /// In the order in which they stand in line.
  template <class Visit>
  void for_each_pending(Visit visit) {
    pending_.for_each(visit);
  }

 private:
  // All holders are shared, or there is only one.
  bool allows(Mode mode) {
    return held_.empty() || (mode == Mode::shared && held_.front().mode() == Mode::shared);
  }
  void hold(LockPlace& place) {
    place.state_ = LockPlace::State::held;
    held_.push_back(place);
  }

  brigade::detail::List<LockPlace> held_;
  brigade::detail::List<LockPlace> pending_;
};

}  // namespace brigade::locks::detail
