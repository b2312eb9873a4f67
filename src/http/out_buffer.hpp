// Bytes on their way out.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace brigade::http::detail {

/// A growing array without std::string's zero-filling and per-append checks: a writer reserves once
/// for a whole head and copies into it. Bytes are taken from the front as the socket accepts them.
class OutBuffer {
 public:
  OutBuffer() = default;
  OutBuffer(const OutBuffer&) = delete;
  OutBuffer& operator=(const OutBuffer&) = delete;
  ~OutBuffer() { std::free(data_); }

  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  const char* data() const { return data_ + begin_; }

  /// Room for `count` more bytes; write there, then commit what was written.
  char* reserve(std::size_t count) {
    if (capacity_ - end_ < count) grow(count);
    return data_ + end_;
  }
  void commit(const char* end) { end_ = static_cast<std::size_t>(end - data_); }
  void append(std::string_view text) {
    if (text.empty()) return;
    char* at = reserve(text.size());
    std::memcpy(at, text.data(), text.size());
    end_ += text.size();
  }
  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Gives memory back that an idle connection should not hold.
  void shrink(std::size_t keep) {
    if (!empty() || capacity_ <= keep) return;
    std::free(std::exchange(data_, nullptr));
    capacity_ = begin_ = end_ = 0;
  }

 private:
  void grow(std::size_t count) {
    std::size_t capacity = capacity_ == 0 ? 512 : capacity_ * 2;
    while (capacity < end_ + count) capacity *= 2;
    void* moved = std::realloc(data_, capacity);
    if (!moved) throw std::bad_alloc();
    data_ = static_cast<char*>(moved);
    capacity_ = capacity;
  }

  char* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace brigade::http::detail
