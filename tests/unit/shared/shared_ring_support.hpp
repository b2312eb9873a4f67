// Bytes to push and to recognise.
#pragma once

#include <brigade/shared_ring.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace brigade::testing_support {

inline std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline std::string text(std::span<const std::byte> message) {
  std::string copy(message.size(), '\0');
  if (!message.empty()) std::memcpy(copy.data(), message.data(), message.size());
  return copy;
}

/// What stress tests push: who, which of his, and bytes that follow from both, so that a message
/// made of two is recognised.
struct Stamp {
  std::uint32_t producer = 0;
  std::uint32_t length = 0;
  std::uint64_t number = 0;
};

inline std::byte fill_byte(const Stamp& stamp, std::size_t index) {
  return static_cast<std::byte>((stamp.number * 31 + stamp.producer * 7 + index) & 0xff);
}
/// Of `length` bytes, at least those of the stamp.
inline std::span<const std::byte> stamped(std::vector<std::byte>& buffer, Stamp stamp) {
  buffer.resize(stamp.length);
  std::memcpy(buffer.data(), &stamp, sizeof stamp);
  for (std::size_t i = sizeof stamp; i < buffer.size(); ++i) buffer[i] = fill_byte(stamp, i);
  return buffer;
}
/// Whether it is whole.
inline bool read_stamp(std::span<const std::byte> message, Stamp& stamp) {
  if (message.size() < sizeof stamp) return false;
  std::memcpy(&stamp, message.data(), sizeof stamp);
  if (stamp.length != message.size()) return false;
  for (std::size_t i = sizeof stamp; i < message.size(); ++i) {
    if (message[i] != fill_byte(stamp, i)) return false;
  }
  return true;
}
/// 16 to 215 bytes, different from one to the next.
inline std::uint32_t some_length(std::uint64_t number) {
  return static_cast<std::uint32_t>(sizeof(Stamp) + number * 37 % 200);
}

}  // namespace brigade::testing_support
