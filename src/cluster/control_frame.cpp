#include "cluster/control_frame.hpp"

#include <cstdint>

namespace brigade::cluster::detail {
namespace {
constexpr std::size_t prefix = 4;
}

std::string encode_frame(std::string_view text) {
  std::string out;
  out.reserve(prefix + text.size());
  const auto size = static_cast<std::uint32_t>(text.size());
  for (unsigned shift = 32; shift > 0; shift -= 8) {
    out += static_cast<char>(size >> (shift - 8) & 0xff);
  }
  out.append(text);
  return out;
}

std::optional<std::string> FrameDecoder::next() {
  if (failed_ || buffer_.size() < prefix) return std::nullopt;
  std::uint32_t size = 0;
  for (std::size_t index = 0; index < prefix; ++index) {
    size = size << 8 | static_cast<unsigned char>(buffer_[index]);
  }
  if (size == 0 || size > max_size_) {
    failed_ = true;
    buffer_ = std::string();
    return std::nullopt;
  }
  if (buffer_.size() - prefix < size) return std::nullopt;
  std::string out = buffer_.substr(prefix, size);
  buffer_.erase(0, prefix + size);
  return out;
}

}  // namespace brigade::cluster::detail
