// The receiving half of everything that carries messages: ports, broadcast channels, worker
// threads. Any thread puts, one thread at a time reads.
//
// Invariants
// - `queue_` is what senders append to, `batch_` what the reader has taken over. The reader swaps
//   them when its batch is used up, so that a burst costs it one lock, and both keep their memory.
// - The mailbox knows a loop only while the reader waits: arm() gives it, the first put takes it
//   away and delivers. So a reader that does not wait is bound to no thread and may be moved to
//   another one, queue and all; and a burst wakes once.
// - An end is an envelope behind those that came earlier. After it, messages are refused; an
// owner's
//   further kinds still pass.
// - Lock order: the transit lock (src/message/transit.hpp), then a mailbox. Two mailboxes only
// under
//   the transit lock.
#pragma once

#include <brigade/loop.hpp>
#include <brigade/value.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace brigade::detail {

struct Envelope {
  static constexpr std::uint32_t message = 0;
  static constexpr std::uint32_t end = 1;
  /// Further kinds, from here on, mean what the mailbox's owner wants them to.
  static constexpr std::uint32_t first_own = 2;

  Value value = {};
  std::uint32_t kind = message;
  /// Ports travel in it: the transit has to be told when they arrive.
  bool carries_ports = false;
};

/// Told, on the loop that the mailbox was armed with, that there is mail. It is not armed any more.
class MailListener {
 public:
  virtual void on_mail() = 0;
  /// Instead: the mailbox has lost its reader while it was armed. It may be gone after this.
  virtual void on_reader_gone() = 0;

 protected:
  ~MailListener() = default;
};

/// Told, on the loop that it watches from, that the end may be the next thing in the mailbox, or
/// have been taken.
class EndWatch : public InboxNode {
 protected:
  ~EndWatch() = default;
};

/// A sender that waits for room; told on its own loop.
class RoomWaiter : public ListNode, public InboxNode {
 protected:
  ~RoomWaiter() = default;

 private:
  friend class Mailbox;
  Loop* loop_ = nullptr;
  bool told_ = false;  // handed to loop_, perhaps not delivered yet; under the mailbox's lock
};

class Mailbox final : private InboxNode {
 public:
  enum class Put : std::uint8_t { done, full, closed };

  /// `limit`: messages that may wait; 0 for any number.
  explicit Mailbox(std::size_t limit = 0) : limit_(limit) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() = default;

  // Any thread.
  /// Moves from `envelope` only when done. An end goes in whatever the limit. `commit`, if any, is
  /// called once it is certain that the envelope goes in, and before the reader can see it.
  Put put(Envelope&& envelope, const std::function<void()>* commit = nullptr);
  bool closed() const;
  /// False when there is room, or an end: try again. True: `waiter` is told once, later.
  bool wait_for_room(RoomWaiter& waiter, Loop& loop);
  /// Tells `waiter` in the loop's next turn whether there is room or not: for one that would
  /// otherwise put in message after message and never let the loop go on.
  void ring_for_room(RoomWaiter& waiter, Loop& loop);
  /// On the waiter's loop, by the waiter that has just been told.
  void room_was_told(RoomWaiter& waiter);
  /// On the waiter's loop. The room that it was told of, and has not seen, goes to the next.
  void stop_waiting_for_room(RoomWaiter& waiter);
  /// By a waiter that was told, and puts nothing in after all.
  void pass_room_on();

  // The reader.
  bool take(Envelope& out);
  /// Undoes the last take().
  void give_back(Envelope&& envelope);
  /// What is taken from here makes room in `box` instead; null: nowhere, until made_room() is
  /// called there. For a reader that keeps messages elsewhere until somebody wants them. To be set
  /// before the first put.
  void make_room_in(Mailbox* box) { room_of_ = box; }
  void made_room();
  /// An end has been taken: nothing will ever come.
  bool ended() const { return ended_; }
  /// An end is next.
  bool at_end();
  /// Tells `watch` when an end is put, and when it has become the next or was taken: whoever else
  /// reads. For the loop's thread, from here on, as is reading. One at a time.
  void watch_end(EndWatch& watch, Loop& loop);
  void unwatch_end();
  /// By the watch that has just been told.
  void end_was_told();
  /// False when there is something to take already.
  bool arm(Loop& loop, MailListener& listener);
  /// Like arm(), but tells the listener in the loop's next turn whether there is mail or not: for
  /// one that would otherwise take message after message and never let the loop go on.
  void arm_and_ring(Loop& loop, MailListener& listener);
  /// On the loop that it is armed with. Does nothing when it is not.
  void disarm();
  bool armed() const { return listener_ != nullptr; }
  bool armed_for(const MailListener& listener) const { return listener_ == &listener; }
  /// Blocks the thread until there is something to take. False at the deadline, or when the thread
  /// is told to stop. For threads without a loop, or that have nothing else to do.
  bool wait(TimePoint deadline);
  /// What is waiting, this moment.
  std::size_t waiting() const;
  /// The reader leaves: drops what is inside and refuses the rest.
  void abandon();
  /// The reader goes to another thread: what is inside stays.
  void release();

  /// A pump reads it: even where it is not armed (it handles a message, say), nobody else may wait.
  bool pumped = false;
  /// While the port that reads this mailbox lies in a queue itself: that queue. Under the transit
  /// lock, or by whoever owns the port.
  Mailbox* inside = nullptr;

 private:
  void on_delivered() override;
  bool refill();
  void tell_of_room();
  void tell_of_room_locked();
  void tell_end_watch();
  void tell_end_watch_locked();

  // The reader's.
  std::vector<Envelope> batch_;
  std::size_t next_ = 0;
  bool ended_ = false;
  MailListener* listener_ = nullptr;
  Loop* loop_ = nullptr;  // where `listener_` waits
  Mailbox* room_of_ = this;
  EndWatch* end_watch_ = nullptr;  // changed by the reader, with the lock
  Loop* end_loop_ = nullptr;       // where that is

  const std::size_t limit_;
  std::atomic<std::size_t> taken_{0};  // counted only where there is a limit
  std::atomic<bool> room_wanted_{false};
  alignas(4) std::uint32_t bell_ = 0;  // what wait() sleeps on; by atomic_ref

  mutable std::mutex mutex_;
  // Guarded by mutex_ from here on.
  std::vector<Envelope> queue_;
  Loop* armed_ = nullptr;
  bool delivered_ = false;  // handed to loop_, and on_delivered() has not run yet
  bool sleeping_ = false;   // in wait()
  bool closed_ = false;     // an end was put
  bool end_told_ = false;   // end_watch_ was handed to end_loop_, and has not run yet
  bool gone_ = false;       // nobody reads any more
  std::size_t put_ = 0;
  List<RoomWaiter> room_waiters_;
};

/// Hands a mailbox's messages to a callback, on the loop where it was started. Loop thread only.
class MailPump : private MailListener, private ReadyNode, private LoopClient {
 public:
  /// A pump handles so many messages per turn of the loop; what is left waits behind I/O and
  /// timers.
  static constexpr int messages_per_turn = 1024;

  bool started() const { return loop_ != nullptr; }
  void ref();
  void unref();
  bool has_ref() const { return referenced_ && loop_; }

 protected:
  MailPump() = default;
  ~MailPump() { stop(); }
  /// `mailbox` must live until stop().
  void start(Mailbox& mailbox);
  void stop();
  /// May stop or destroy the pump. What it throws goes to Loop::fail().
  virtual void on_envelope(Envelope& envelope) = 0;

 private:
  void on_mail() final { pump(); }
  void on_reader_gone() final {}  // it stops first
  void on_ready() final { pump(); }
  void on_loop_end() final;
  void pump();

  Mailbox* mailbox_ = nullptr;
  Loop* loop_ = nullptr;
  bool referenced_ = true;
  bool* gone_ = nullptr;  // set when the pump is stopped, while it calls out
};

}  // namespace brigade::detail
