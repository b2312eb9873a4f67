// Visits a value and all in it, each container before its contents, without recursion: a message
// may be nested as deep as its maker liked.
#pragma once

#include <brigade/value.hpp>

#include <array>
#include <string>
#include <vector>

#include "message/value_path.hpp"

namespace brigade::value_detail {

/// V is Value or const Value. Allocates only beyond eight levels. The containers must not change
/// while they are walked through.
template <class V>
class Walk {
 public:
  explicit Walk(V& root) : root_(&root) {}

  /// The next value, or null after the last.
  V* next() {
    if (!current_) return current_ = std::exchange(root_, nullptr);
    if (current_->is_container()) push(current_);
    while (depth_ > 0) {
      Level& top = level(depth_ - 1);
      if (top.next < top.container->size()) return current_ = child(top, top.next++);
      --depth_;
    }
    return current_ = nullptr;
  }

  /// Of the value that next() gave: how many containers it is in.
  std::size_t depth() const { return depth_; }
  /// Its name, when it is a field; else null.
  const std::string* name() {
    if (depth_ == 0) return nullptr;
    const Level& top = level(depth_ - 1);
    if (!top.container->is_object()) return nullptr;
    return &top.container->as_object().field(top.next - 1).name();
  }
  std::string path() {
    std::string path;
    for (std::size_t i = 0; i < depth_; ++i) {
      const Level& at = level(i);
      if (at.container->is_object()) {
        append_name(path, at.container->as_object().field(at.next - 1).name());
      } else {
        append_index(path, at.next - 1);
      }
    }
    return path;
  }

 private:
  struct Level {
    V* container = nullptr;
    std::size_t next = 0;
  };

  static V* child(const Level& at, std::size_t index) {
    if (at.container->is_object()) return &at.container->as_object().field(index).value;
    return &at.container->as_array()[index];
  }
  Level& level(std::size_t index) {
    return index < near_.size() ? near_[index] : far_[index - near_.size()];
  }
  void push(V* container) {
    if (depth_ >= near_.size() + far_.size()) far_.emplace_back();
    level(depth_++) = Level{.container = container};
  }

  V* root_;
  V* current_ = nullptr;
  std::size_t depth_ = 0;
  std::array<Level, 8> near_;
  std::vector<Level> far_;
};

/// What a value weighs in approximate_size(), without what it contains and without its name.
inline std::size_t weight(const Value& value) {
  return sizeof(Value) + (value.is_container() ? 0 : value.size());
}

}  // namespace brigade::value_detail
