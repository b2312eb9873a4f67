// SipHash-1-3: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012, with one round per
// word and three at the end, as hash tables elsewhere use it. std::hash will not do: its seed is
// known, and a million colliding names in one message would take 10^12 comparisons.
#include "message/name_hash.hpp"

#include <sys/random.h>

#include <bit>
#include <cstring>
#include <random>

namespace brigade::value_detail {
namespace {

struct Key {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

Key random_key() {
  Key key;
  if (::getrandom(&key, sizeof key, 0) == static_cast<ssize_t>(sizeof key)) return key;
  std::random_device device;  // a sandbox without that call
  const auto word = [&] { return (std::uint64_t{device()} << 32) | device(); };
  return Key{.low = word(), .high = word()};
}

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }
  void word(std::uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  }
};

}  // namespace

std::uint32_t name_hash(std::string_view name) {
  static const Key key = random_key();
  State state{key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d,
              key.low ^ 0x6c7967656e657261, key.high ^ 0x7465646279746573};
  std::uint64_t last = std::uint64_t{name.size()} << 56;
  while (name.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, name.data(), 8);
    state.word(word);
    name.remove_prefix(8);
  }
  for (std::size_t i = 0; i < name.size(); ++i) {
    last |= std::uint64_t{static_cast<unsigned char>(name[i])} << (8 * i);
  }
  state.word(last);
  state.v2 ^= 0xff;
  state.round();
  state.round();
  state.round();
  const std::uint64_t hash = state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

}  // namespace brigade::value_detail
