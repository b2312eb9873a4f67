// Rendezvous hashing: of the positions that are there, every worker finds the same one for a key,
// and when one goes only its keys move.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace brigade::cluster::detail {

/// The same in every process and every build. Never 0.
inline std::uint64_t key_hash(std::string_view key) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;  // FNV-1a
  for (const char byte : key) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100'0000'01b3;
  return hash == 0 ? 1 : hash;
}

class Rendezvous {
 public:
  explicit Rendezvous(std::uint64_t key) : key_(key) {}

  void consider(std::uint32_t position) {
    const std::uint64_t weight = mix(key_ + mix(position + 1));
    if (best_ && weight <= weight_) return;
    best_ = position;
    weight_ = weight;
  }
  std::optional<std::uint32_t> best() const { return best_; }

 private:
  static std::uint64_t mix(std::uint64_t x) {  // splitmix64
    x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ x >> 27) * 0x94d0'49bb'1331'11eb;
    return x ^ x >> 31;
  }

  std::uint64_t key_;
  std::uint64_t weight_ = 0;
  std::optional<std::uint32_t> best_;
};

}  // namespace brigade::cluster::detail
