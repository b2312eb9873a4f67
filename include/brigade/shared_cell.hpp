// One element of a shared array: a reference that remembers which memory it lies in.
#pragma once

#include <brigade/shared_buffer.hpp>

#include <atomic>
#include <type_traits>

namespace brigade {

/// What one instruction reads and writes as a whole, in any process: integers, bool, enums,
/// floating point numbers, structs of 1, 2, 4 or 8 bytes that are aligned to their size
/// (`alignas(8)`), so that they never straddle a cache line.
template <class T>
concept LockFree = std::is_trivially_copyable_v<T> && std::atomic_ref<T>::is_always_lock_free &&
                   alignof(T) >= std::atomic_ref<T>::required_alignment;

/// What `array[i]` gives. As a `T&` it is valid for as long as the array that it came from. Pass it
/// to `atomics::` for everything that other threads or processes take part in.
template <class T>
class SharedCell {
 public:
  using value_type = T;

  SharedCell(T& at, const SharedBuffer& buffer) : at_(&at), buffer_(&buffer) {}
  SharedCell(const SharedCell&) = default;

  /// `int x = array[0];` and `array[0] = 5;` read and write it whole, but in no order with anything
  /// else.
  operator T() const
    requires LockFree<T>
  {
    return std::atomic_ref<T>(*at_).load(std::memory_order_relaxed);
  }
  SharedCell& operator=(T value)
    requires LockFree<T>
  {
    std::atomic_ref<T>(*at_).store(value, std::memory_order_relaxed);
    return *this;
  }
  /// The value, too, not the reference.
  SharedCell& operator=(const SharedCell& other)
    requires LockFree<T>
  {
    return *this = static_cast<T>(other);
  }

  /// The element itself. Not atomic: for when nobody else writes to it.
  T& operator*() const { return *at_; }
  T* operator->() const { return at_; }

  const SharedBuffer& buffer() const { return *buffer_; }

 private:
  T* at_;
  const SharedBuffer* buffer_;
};

}  // namespace brigade
