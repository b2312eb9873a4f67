// What threads and processes that share memory do to one word at a time: Node's Atomics.
//
//     auto shared = SharedArray<std::int32_t>::create(1);
//     atomics::store(shared[0], 100);
//     auto woken = atomics::wait(shared[0], 100, 5s);   // ok | not_equal | timed_out | interrupted
//
// All operations are sequentially consistent. They take a SharedCell or a plain variable of a type
// that is LockFree. Any thread.
//
// Unlike std::atomic's, this wait does not look at the value again: a store alone never wakes, a
// notify always does. The kernel keeps the queue, in the order of arrival, across threads and
// processes, and forgets a process that dies. Two limits come with that: a thread that is stopped
// and continued (SIGSTOP, a debugger), or runs a signal handler, leaves the queue meanwhile and
// then waits anew, so that it may find the value changed (not_equal) and stands at the end of the
// queue; and a process killed between being woken and running takes that wake along.
#pragma once

#include <brigade/shared_cell.hpp>
#include <brigade/time.hpp>

#include <climits>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace brigade::atomics {

namespace detail {

template <class T>
struct PlaceTraits {
  using Value = std::remove_const_t<T>;
  static constexpr bool writable = !std::is_const_v<T>;
  // atomic_ref<const T> comes with C++26; a load writes nothing.
  static std::atomic_ref<Value> ref(T& place) {
    return std::atomic_ref<Value>(const_cast<Value&>(place));
  }
};
template <class T>
struct PlaceTraits<SharedCell<T>> {
  using Value = T;
  static constexpr bool writable = true;
  static std::atomic_ref<T> ref(const SharedCell<T>& place) { return std::atomic_ref<T>(*place); }
};
template <class T>
struct PlaceTraits<const SharedCell<T>> : PlaceTraits<SharedCell<T>> {};

template <class P>
using TraitsOf = PlaceTraits<std::remove_reference_t<P>>;
template <class P>
using ValueOf = typename TraitsOf<P>::Value;

template <class P>
inline constexpr bool is_cell = false;
template <class T>
inline constexpr bool is_cell<SharedCell<T>> = true;

template <class P>
auto ref(P&& place) {
  return TraitsOf<P>::ref(place);
}

}  // namespace detail

/// A SharedCell, or a variable.
template <class P>
concept Place = (detail::is_cell<std::remove_cvref_t<P>> || std::is_lvalue_reference_v<P>) &&
                LockFree<detail::ValueOf<P>>;
template <class P>
concept WritablePlace = Place<P> && detail::TraitsOf<P>::writable;
template <class P>
concept IntegerPlace = WritablePlace<P> && std::integral<detail::ValueOf<P>> &&
                       !std::same_as<detail::ValueOf<P>, bool>;
/// What can be waited on: a futex has 32 bits.
template <class P>
concept WaitPlace = Place<P> && (std::same_as<detail::ValueOf<P>, std::int32_t> ||
                                 std::same_as<detail::ValueOf<P>, std::uint32_t>);

template <Place P>
auto load(P&& place) {
  return detail::ref(place).load();
}
/// Returns what it stored.
template <WritablePlace P>
auto store(P&& place, detail::ValueOf<P> value) {
  detail::ref(place).store(value);
  return value;
}

// From here on the old value is returned.

template <WritablePlace P>
auto exchange(P&& place, detail::ValueOf<P> value) {
  return detail::ref(place).exchange(value);
}
/// Stores `desired` where `expected` was found, bit by bit: it was stored when what is returned
/// equals `expected`.
template <WritablePlace P>
auto compare_exchange(P&& place, detail::ValueOf<P> expected, detail::ValueOf<P> desired) {
  detail::ref(place).compare_exchange_strong(expected, desired);
  return expected;
}
/// Overflow wraps.
template <IntegerPlace P>
auto add(P&& place, detail::ValueOf<P> value) {
  return detail::ref(place).fetch_add(value);
}
template <IntegerPlace P>
auto sub(P&& place, detail::ValueOf<P> value) {
  return detail::ref(place).fetch_sub(value);
}
template <IntegerPlace P>
auto and_(P&& place, detail::ValueOf<P> value) {
  return detail::ref(place).fetch_and(value);
}
template <IntegerPlace P>
auto or_(P&& place, detail::ValueOf<P> value) {
  return detail::ref(place).fetch_or(value);
}
template <IntegerPlace P>
auto xor_(P&& place, detail::ValueOf<P> value) {
  return detail::ref(place).fetch_xor(value);
}

enum class WaitResult : std::uint8_t {
  ok,           // a notify counted this wait
  not_equal,    // the word did not hold what was expected
  timed_out,    // nobody notified in time
  interrupted,  // this thread is being terminated
};
/// "ok", "not-equal", "timed-out", "interrupted".
const char* to_string(WaitResult result);

inline constexpr Duration forever = Duration::max();
/// As many as wait.
inline constexpr int everyone = INT_MAX;

namespace detail {

WaitResult wait(std::uint32_t& word, std::uint32_t expected, Duration timeout);
int notify(std::uint32_t& word, int count);

template <class P>
std::uint32_t& word_of(P&& place) {
  if constexpr (is_cell<std::remove_cvref_t<P>>) {
    return reinterpret_cast<std::uint32_t&>(*place);
  } else {
    return reinterpret_cast<std::uint32_t&>(const_cast<ValueOf<P>&>(place));
  }
}

}  // namespace detail

/// Sleeps, if the word holds `expected`, until a notify. Looking and falling asleep are one step to
/// whoever notifies. A negative timeout is none at all. Blocks the thread, and its loop with it: on
/// a loop `co_await atomics::wait_async(…)`. Throws ErrorException when the kernel refuses (a
/// sandbox).
template <WaitPlace P>
WaitResult wait(P&& place, detail::ValueOf<P> expected, Duration timeout = forever) {
  return detail::wait(detail::word_of(place), static_cast<std::uint32_t>(expected), timeout);
}

/// Wakes at most `count` of those that wait on exactly this word, the longest waiting first,
/// whether its value has changed or not. Returns how many; a negative count is 0.
template <WaitPlace P>
int notify(P&& place, int count = everyone) {
  return detail::notify(detail::word_of(place), count);
}

}  // namespace brigade::atomics
