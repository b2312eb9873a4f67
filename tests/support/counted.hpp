// Objects that count themselves, and a fixture that finds what was not destroyed, or destroyed
// twice.
#pragma once

#include <gtest/gtest.h>
#include <brigade/task.hpp>

#include <atomic>
#include <string>
#include <utility>

namespace brigade::testing_support {

struct Counted {
  static inline std::atomic<int> live{0};  // pool threads make and destroy some
  static constexpr std::size_t whole = 51;

  Counted() { ++live; }
  Counted(const Counted& other) : text(other.text) { ++live; }
  Counted(Counted&& other) noexcept : text(std::move(other.text)) { ++live; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
  ~Counted() { --live; }
  /// False once it was moved from; a sanitizer's error once it was destroyed.
  bool intact() const { return text.size() == whole; }

  std::string text = "a text that is too long for the small string buffer";
};

class NothingLeft : public testing::Test {
 protected:
  NothingLeft() { Counted::live = 0; }
  ~NothingLeft() override {
    EXPECT_EQ(Counted::live, 0);
    EXPECT_EQ(detail::live_frames(), 0);
  }
};

}  // namespace brigade::testing_support
