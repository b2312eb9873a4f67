#include "cluster/pipe_decoder.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace brigade::cluster::detail {
namespace {

constexpr std::size_t header_size = sizeof(FrameHeader);
constexpr std::size_t kept_capacity = 64 * 1024;  // of a buffer that has held a larger frame

}  // namespace

bool PipeDecoder::fail(const char* error) {
  error_ = error;
  descriptors_.clear();
  return false;
}

void PipeDecoder::add_descriptors(std::vector<Fd> descriptors) {
  descriptors_.insert(descriptors_.end(), std::make_move_iterator(descriptors.begin()),
                      std::make_move_iterator(descriptors.end()));
  if (error_ || descriptors_.size() > 2 * most_descriptors) {
    fail("sent descriptors that belong to no message");
  }
}

bool PipeDecoder::read_header(const std::byte* from) {
  std::memcpy(&header_, from, header_size);
  if (header_.magic != FrameHeader::right_magic || header_.version != FrameHeader::right_version ||
      header_.kind < static_cast<std::uint8_t>(FrameKind::message) ||
      header_.kind > static_cast<std::uint8_t>(FrameKind::broadcast) ||
      header_.descriptors > most_descriptors) {
    return fail("sent a frame that makes no sense");
  }
  if (header_.size > max_body_) return fail("sent a frame that is too long");
  return true;
}

bool PipeDecoder::give(const std::byte* body, Frame& out) {
  out.kind = static_cast<FrameKind>(header_.kind);
  out.sequence = header_.sequence;
  out.body = std::span(body, header_.size);
  out.descriptors.clear();
  out.descriptors_lost = false;
  if (header_.descriptors == 0) return true;
  if (descriptors_.size() >= header_.descriptors) {
    const auto end = descriptors_.begin() + header_.descriptors;
    std::move(descriptors_.begin(), end, std::back_inserter(out.descriptors));
    descriptors_.erase(descriptors_.begin(), end);
    return true;
  }
  if (!std::exchange(lost_, false)) {
    return fail("sent a message without the descriptors that it announces");
  }
  descriptors_.clear();
  out.descriptors_lost = true;
  return true;
}

void PipeDecoder::take_into_partial(std::span<const std::byte>& piece, std::size_t up_to) {
  const std::size_t wanted = std::min(piece.size(), up_to - partial_.size());
  partial_.insert(partial_.end(), piece.begin(),
                  piece.begin() + static_cast<std::ptrdiff_t>(wanted));
  piece = piece.subspan(wanted);
}

bool PipeDecoder::end_of_piece() {
  if (partial_.empty() && !descriptors_.empty()) {
    return fail("sent descriptors that belong to no message");
  }
  return false;
}

bool PipeDecoder::next(std::span<const std::byte>& piece, Frame& out) {
  if (error_) return false;
  if (std::exchange(partial_given_, false)) {
    partial_.clear();
    if (partial_.capacity() > kept_capacity) partial_.shrink_to_fit();
  }
  if (partial_.empty() && piece.size() >= header_size) {
    if (!read_header(piece.data())) return false;
    const std::size_t whole = header_size + header_.size;
    if (piece.size() >= whole) {  // the usual case copies nothing
      const std::byte* body = piece.data() + header_size;
      piece = piece.subspan(whole);
      return give(body, out);
    }
  }
  if (partial_.size() < header_size) {
    if (piece.empty()) return end_of_piece();
    take_into_partial(piece, header_size);
    if (partial_.size() < header_size) return end_of_piece();
    if (!read_header(partial_.data())) return false;
  }
  take_into_partial(piece, header_size + header_.size);
  if (partial_.size() < header_size + header_.size) return end_of_piece();
  partial_given_ = true;
  return give(partial_.data() + header_size, out);
}

}  // namespace brigade::cluster::detail
