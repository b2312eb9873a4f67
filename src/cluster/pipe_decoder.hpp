// The bytes of a pipe, between two processes of a cluster, as frames: a fixed header, then the
// body.
//
// No I/O: bytes and descriptors go in as they come, frames come out. What a header claims allocates
// nothing: memory grows with the bytes that arrive.
#pragma once

#include <brigade/fd.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace brigade::cluster::detail {

enum class FrameKind : std::uint8_t {
  message = 1,  // a Value
  counted,      // the same, to be acknowledged
  acknowledge,  // of the `counted` with this sequence: its handler has run
  request,      // a Value
  reply,        // a Value, to the request with this sequence
  refusal,      // RefusalBody, instead of an acknowledge or a reply
  broadcast,    // BroadcastBody
  // To be extended here, and in PipeDecoder's check.
};

// Both ends run on one machine, so numbers go in its own byte order.
struct FrameHeader {
  static constexpr std::uint16_t right_magic = 0xb31d;
  static constexpr std::uint8_t right_version = 1;

  std::uint16_t magic = right_magic;
  std::uint8_t version = right_version;
  std::uint8_t kind = 0;
  std::uint32_t sequence = 0;
  std::uint32_t size = 0;  // of the body
  std::uint8_t descriptors = 0;
  std::uint8_t reserved[3] = {};
};
static_assert(sizeof(FrameHeader) == 16);

/// As many as the kernel passes in one piece (SCM_MAX_FD).
inline constexpr std::size_t most_descriptors = 253;

struct Frame {
  FrameKind kind = FrameKind::message;
  std::uint32_t sequence = 0;
  std::span<const std::byte> body;  // until the next call of next()
  std::vector<Fd> descriptors;
  /// It had some, and this process could not take them: it is out of descriptors.
  bool descriptors_lost = false;
};

/// Invariant: descriptors come with the first byte of their frame or before it, in the order of the
/// frames, as the writer (Pipe) sends them. So they are taken off in that order, and one that is
/// left over between two frames belongs to none.
class PipeDecoder {
 public:
  explicit PipeDecoder(std::size_t max_body) : max_body_(max_body) {}

  /// To be called before the bytes that they came with are read.
  void add_descriptors(std::vector<Fd> descriptors);
  /// Some that belong to the bytes that come next were dropped by the kernel.
  void note_lost_descriptors() { lost_ = true; }

  /// The next frame of `piece`, and of what came before it; cuts off what it has read. False when
  /// `piece` is used up, or when the bytes make no sense: then error() says so, for ever.
  bool next(std::span<const std::byte>& piece, Frame& out);
  /// "sent a frame that makes no sense"; null while all is well.
  const char* error() const { return error_; }
  /// The last frame has begun and not ended.
  bool in_frame() const { return !partial_.empty() && !partial_given_; }
  /// Bytes held for a frame that is not complete.
  std::size_t held() const { return partial_.capacity(); }

 private:
  bool read_header(const std::byte* from);
  bool give(const std::byte* body, Frame& out);
  bool fail(const char* error);
  void take_into_partial(std::span<const std::byte>& piece, std::size_t up_to);
  bool end_of_piece();

  const std::size_t max_body_;
  const char* error_ = nullptr;
  FrameHeader header_;
  std::vector<std::byte> partial_;  // a frame that came in pieces, header and all
  bool partial_given_ = false;      // its body was given out
  std::vector<Fd> descriptors_;
  bool lost_ = false;
};

}  // namespace brigade::cluster::detail
