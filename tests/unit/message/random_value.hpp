// A value of any shape that bytes can hold.
#pragma once

#include <brigade/value.hpp>

#include <bit>
#include <cmath>
#include <random>

namespace brigade {

class RandomValue {
 public:
  explicit RandomValue(std::uint32_t seed) : random_(seed) {}

  Value make(unsigned depth = 5) {
    switch (random_() % (depth > 0 ? 9 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return random_() % 2 == 0;
      case 2:  // of any magnitude
        return static_cast<std::int64_t>(random_()) >> (random_() % 64);
      case 3:
        return number();
      case 4:
        return text();
      case 5:
        return Bytes(length(300), static_cast<std::byte>(random_()));
      case 6:
        return object(depth);
      default: {
        Value::Array items(length(40));
        for (Value& item : items) item = make(depth - 1);
        return items;
      }
    }
  }

  std::uint64_t operator()() { return random_(); }

 private:
  // Mostly short, so that what contains it does not grow beyond measure.
  std::uint64_t length(std::uint64_t most) { return random_() % (random_() % 16 == 0 ? most : 6); }
  double number() {
    const auto any = std::bit_cast<double>(random_());
    if (std::isnan(any)) return 0;  // equal to nothing
    return random_() % 2 == 0 ? any : static_cast<double>(static_cast<float>(any));
  }
  std::string text() {
    constexpr std::string_view letters[] = {"a", "\xc3\xa4", "\xe6\xb0\xb4", "\xf0\x90\x85\x91",
                                            "\n"};
    std::string out;
    for (std::uint64_t left = length(100); left > 0; --left) out += letters[random_() % 5];
    return out;
  }
  Value object(unsigned depth) {
    Value::Object fields;
    for (std::uint64_t left = length(40); left > 0; --left) fields[text()] = make(depth - 1);
    return fields;
  }

  std::mt19937_64 random_;
};

}  // namespace brigade
