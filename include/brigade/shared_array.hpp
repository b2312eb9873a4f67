// A shared buffer as an array: Node's Int32Array over a SharedArrayBuffer.
//
//     auto shared = SharedArray<std::int32_t>::create(1);   // copy it to a thread
//     atomics::add(shared[0], 1);
#pragma once

#include <brigade/shared_cell.hpp>

#include <cerrno>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>

namespace brigade {

struct SharedArrayOptions {
  /// Elements that the array may grow to (see SharedBuffer::grow); 0: it keeps its size.
  std::size_t max_count = 0;
  /// Shows in /proc/PID/maps as "memfd:name". At most 249 bytes.
  std::string name = "shared";
};

/// A view of T's in a SharedBuffer, which it keeps alive. Copies are cheap and are the same memory.
/// T must mean the same in every process: no pointers, no references, nothing that owns.
///
/// Thread: as SharedBuffer. Elements that others read or write meanwhile: through `atomics::`.
template <class T>
class SharedArray {
  static_assert(std::is_trivially_copyable_v<T>,
                "only bytes are shared: T must be trivially copyable");
  static_assert(!std::is_pointer_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>,
                "T must be a plain value; an address means nothing to another process");

 public:
  using value_type = T;
  /// A count for over(): as many as fit, now and when the buffer has grown.
  static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

  /// No elements.
  SharedArray() = default;

  /// New memory of `count` zeroed elements. Throws ErrorException when the system has none.
  static SharedArray create(std::size_t count, SharedArrayOptions options = {}) {
    return try_create(count, std::move(options)).value();
  }
  static Result<SharedArray> try_create(std::size_t count, SharedArrayOptions options = {}) {
    if (std::max(count, options.max_count) > all / sizeof(T)) {
      return Error(EINVAL, "shared array " + options.name + ": too many elements");
    }
    auto buffer = SharedBuffer::create(
        count * sizeof(T),
        {.max_size = options.max_count * sizeof(T), .name = std::move(options.name)});
    if (!buffer) return buffer.error();
    return SharedArray(std::move(*buffer), 0, options.max_count == 0 ? count : all);
  }

  /// Of a buffer that is there already, from `offset` (in bytes, a multiple of alignof(T)) on.
  /// Refuses what does not lie inside the buffer as it is now.
  static Result<SharedArray> over(SharedBuffer buffer, std::size_t offset = 0,
                                  std::size_t count = all) {
    const std::size_t size = buffer.size();
    if (!buffer) return Error(EBADF, "shared array: the buffer is empty");
    if (offset % alignof(T) != 0) {
      return Error(EINVAL, "shared array: offset " + std::to_string(offset) +
                               " is no multiple of " + std::to_string(alignof(T)));
    }
    if (offset > size || (count != all && count > (size - offset) / sizeof(T))) {
      return Error(EINVAL, "shared array: offset " + std::to_string(offset) +
                               " and its elements do not fit into " + std::to_string(size) +
                               " bytes");
    }
    return SharedArray(std::move(buffer), offset, count);
  }

  /// Elements.
  std::size_t size() const {
    if (count_ != all) return count_;
    const std::size_t bytes = buffer_.size();  // less than offset_ only if a peer cheats
    return bytes > offset_ ? (bytes - offset_) / sizeof(T) : 0;
  }
  bool empty() const { return size() == 0; }

  /// Throws std::out_of_range.
  SharedCell<T> operator[](std::size_t index) const& {
    if (index >= size()) {
      throw std::out_of_range("shared array: index " + std::to_string(index) + " of " +
                              std::to_string(size()));
    }
    return SharedCell<T>(data_[index], buffer_);
  }
  /// A cell does not keep its memory alive: name the array first.
  SharedCell<T> operator[](std::size_t index) const&& = delete;

  /// Plain memory, unchecked and not atomic.
  T* data() const { return data_; }
  T* begin() const { return data_; }
  T* end() const { return data_ + size(); }
  std::span<T> span() const { return {data_, size()}; }

  const SharedBuffer& buffer() const { return buffer_; }
  /// Whether it grows with its buffer.
  bool tracks_length() const { return count_ == all; }
  /// Of the first element in the buffer, in bytes.
  std::size_t offset() const { return offset_; }

 private:
  SharedArray(SharedBuffer buffer, std::size_t offset, std::size_t count)
      : buffer_(std::move(buffer)),
        offset_(offset),
        count_(count),
        data_(reinterpret_cast<T*>(buffer_.data() + offset)) {}

  SharedBuffer buffer_;
  std::size_t offset_ = 0;
  std::size_t count_ = 0;
  T* data_ = nullptr;
};

}  // namespace brigade
