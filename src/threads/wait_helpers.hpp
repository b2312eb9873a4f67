// The threads that stand in the kernel's queue for tasks that cannot: a loop must not sleep on a
// futex, and the kernel tells no descriptor when one is woken.
//
// A helper that has nothing to do is parked: asleep in futex_waitv on two words of its own, `kick`
// and `park`. A task that begins to wait has the parked helper moved (FUTEX_CMP_REQUEUE) from
// `park` to the end of the queue of the task's word, without waking it: when the call returns, the
// place is taken, and a notify from anywhere finds it in its turn, counts it and wakes it. Raising
// `kick` calls a helper back; where a notify was faster, futex_waitv says so (it names the last
// word).
//
// Why two moves, over `hop`: the kernel's queues are hash buckets, and an entry that is moved
// within one bucket keeps its old position there, before those who came between. Measured: about
// one in 700 direct moves overtakes somebody; to do so over `hop`, all three words must share one
// bucket.
//
// Why not a signal to call a helper back: it would take a signal number from the program. Why not
// io_uring's futex operations: containers deny io_uring, and Linux 6.1 does not have them.
//
// Invariants, under the mutex:
// - A wait that is `waiting` or `leaving` has exactly one helper, and they point at each other.
// - A helper of a `waiting` wait is in the queue of the wait's word, or was woken from it, or is on
//   its way back to it (see below). One of a `leaving` wait, and one that has no wait and is not
//   idle, was kicked.
// - `waits_` is in the order of arrival.
// - After a wait was delivered no helper touches it: its frame may be gone.
//
// A process that is stopped and continued, or traced, loses its places: the kernel begins the
// interrupted futex_waitv again, finds that `park` has changed, and the helper goes to the end of
// the queue by itself, after a look at the value. The same happens to threads in atomics::wait.
#pragma once

#include <brigade/wait_async.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "shared/stop_word.hpp"
#include "threads/thread.hpp"

namespace brigade::detail {

class WaitHelper {
 public:
  explicit WaitHelper(WaitHelpers& pool) : pool_(pool) {}

  Result<void> start();
  /// Takes the last place in the queue of `word`, on any thread, while the helper is idle. An Error
  /// when it does not get ready to.
  Result<void> take_place(std::uint32_t& word);

 private:
  friend class WaitHelpers;
  enum class Wake { notified, kicked, lost };

  void run();
  Wake sleep();
  Wake stand_again();

  WaitHelpers& pool_;
  StopWord kick_;
  // Read by the helper without the mutex. park_ is 1 from just before the helper is moved away from
  // it until it is idle again; has_place_ says that the move is done.
  alignas(4) std::uint32_t park_ = 0;
  alignas(4) std::uint32_t hop_ = 0;
  std::atomic<bool> has_place_{false};
  std::atomic<int> error_{0};  // the kernel's refusal, an errno

  // Under the pool's mutex.
  WaitAsync* wait_ = nullptr;
  SharedBuffer buffer_;  // so that word_ is there, though the wait may go at any time
  std::uint32_t* word_ = nullptr;
  bool ending_ = false;

  Thread thread_;  // last: it uses the rest
};

class WaitHelpers {
 public:
  /// Never destroyed; its threads end with the last loop that had a wait.
  static WaitHelpers& instance();

  // The loop's thread.
  /// Throws ErrorException, and then has done nothing.
  void enter(WaitAsync& wait);
  /// The wait will end with `result`, or with ok.
  void give_up(WaitAsync& wait, atomics::WaitResult result);
  /// True: the wait is over and will not be delivered. False: it was delivered already.
  bool leave(WaitAsync& wait);

 private:
  friend class WaitHelper;
  struct LoopUse;

  // A helper's thread. False: it shall end.
  bool on_notified(WaitHelper& helper);
  bool on_kicked(WaitHelper& helper);
  /// What the wait of a helper expects to find; nothing when that is not there any more, or the
  /// helper was kicked.
  bool still_expects(WaitHelper& helper, std::uint32_t& expected);

  // With the mutex.
  Result<void> add_helper();
  WaitAsync& longest_waiting_beside(WaitAsync& wait);
  void deliver(WaitAsync& wait, atomics::WaitResult result);
  void call_back(WaitAsync& wait, atomics::WaitResult result);
  void abandon(WaitAsync& wait);
  void forget(WaitAsync& wait);
  bool rest(WaitHelper& helper, SharedBuffer& released);

  void use(Loop& loop);
  void end_use(LoopUse& use);

  std::mutex mutex_;
  // Under mutex_ from here on.
  std::vector<WaitAsync*> waits_;
  std::vector<std::unique_ptr<WaitHelper>> helpers_;
  std::vector<std::unique_ptr<WaitHelper>> ended_;  // their threads are to be joined
  std::vector<WaitHelper*> idle_;                   // the longest idle first
  std::vector<std::unique_ptr<LoopUse>> uses_;
};

}  // namespace brigade::detail
