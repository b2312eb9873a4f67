// Bytes as the RFC prints them.
#pragma once

#include <fmt/format.h>
#include <brigade/value.hpp>

#include <charconv>
#include <iterator>
#include <string>
#include <string_view>

namespace brigade {

inline std::string to_hex(const Bytes& bytes) {
  std::string out;
  for (const std::byte byte : bytes) {
    fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned>(byte));
  }
  return out;
}

inline Bytes from_hex(std::string_view hex) {
  Bytes out;
  for (; hex.size() >= 2; hex.remove_prefix(2)) {
    unsigned byte = 0;
    std::from_chars(hex.data(), hex.data() + 2, byte, 16);
    out.push_back(static_cast<std::byte>(byte));
  }
  return out;
}

}  // namespace brigade
