// The bytes of the control socket: frames of a 32-bit length, most significant byte first, and so
// many bytes of JSON. Without I/O.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace brigade::cluster::detail {

/// Of what a client may send.
inline constexpr std::size_t max_request = std::size_t{64} << 10;
/// Of what a primary answers: 256 workers fit.
inline constexpr std::size_t max_answer = std::size_t{1} << 20;

std::string encode_frame(std::string_view text);

/// Takes bytes as they come. Reserves nothing by a length that is only claimed, and holds at most
/// one frame and what came with its end.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::size_t max_size) : max_size_(max_size) {}

  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole frame's contents. None: more must come, or never will: failed().
  std::optional<std::string> next();
  /// A length of 0 or beyond the limit was claimed. Nothing after that means anything.
  bool failed() const { return failed_; }
  /// Bytes of a frame that is not whole.
  std::size_t pending() const { return buffer_.size(); }

 private:
  std::size_t max_size_;
  std::string buffer_;
  bool failed_ = false;
};

}  // namespace brigade::cluster::detail
