// Invariants: exactly one of these is being read at any time: a string's bytes (chunk_left_ > 0), a
// head's argument (argument_left_ > 0), or else the first byte of a head. What is complete has
// moved into the container of the last frame; the frames' containers are the path to the place
// being read.
#include <brigade/cbor.hpp>
#include <brigade/shared_buffer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "base/utf8.hpp"
#include "message/cbor_format.hpp"

namespace brigade::cbor {
namespace {

constexpr std::uint64_t largest_integer = std::numeric_limits<std::int64_t>::max();
// That wait to be referred to: a peer must not be able to use up all that the process may have.
constexpr std::size_t most_descriptors = 1024;

}  // namespace

void Decoder::add_descriptors(std::vector<Fd> descriptors) {
  descriptors_.insert(descriptors_.end(), std::make_move_iterator(descriptors.begin()),
                      std::make_move_iterator(descriptors.end()));
  if (descriptors_.size() <= most_descriptors || state_ == State::failed) return;
  refuse("more descriptors have come along than the messages refer to", position_);
  state_ = State::failed;
}

Result<std::size_t> Decoder::feed(std::span<const std::byte> piece) {
  std::size_t used = 0;
  while (state_ == State::reading && used < piece.size()) {
    if (chunk_left_ > 0) {
      used += read_chunk(piece.subspan(used));
    } else {
      const auto byte = static_cast<std::uint8_t>(piece[used++]);
      if (!read_byte(byte)) state_ = State::failed;
      ++position_;
    }
  }
  if (state_ == State::failed) return error_;
  return used;
}

Value Decoder::take() {
  if (!done()) throw std::logic_error("cbor::Decoder::take: no value is complete");
  state_ = State::reading;
  position_ = 0;
  items_ = 0;
  weight_ = 0;
  descriptors_.erase(descriptors_.begin(),
                     descriptors_.begin() + static_cast<std::ptrdiff_t>(used_descriptors_));
  used_descriptors_ = 0;
  return std::move(root_);
}

bool Decoder::refuse(const std::string& what, std::uint64_t position) {
  error_ = Error(fmt::format("CBOR at byte {}: {}", position, what));
  return false;
}

// ---- Heads ----

bool Decoder::read_byte(std::uint8_t byte) {
  if (argument_left_ > 0) {
    argument_ = (argument_ << 8) | byte;
    return --argument_left_ > 0 || read_head();
  }
  head_at_ = position_;
  initial_ = byte;
  if (info() < one_byte_follows) {
    argument_ = info();
    return read_head();
  }
  if (info() <= eight_bytes_follow) {
    argument_ = 0;
    argument_left_ = static_cast<std::uint8_t>(1u << (info() - one_byte_follows));
    return true;
  }
  if (info() == indefinite_length) return read_indefinite();
  return refuse(fmt::format("not well-formed, 0x{:02x} begins nothing", byte));
}

bool Decoder::read_head() {
  if (in_chunks_) {
    if (major() != chunk_major_)
      return refuse("not well-formed, a string of another kind in a string");
    return begin_chunk();
  }
  if (wants_name() && major() != major_text) return refuse("a name must be text");
  if (announced_ == Announced::descriptor || announced_ == Announced::buffer) {
    return read_reference();
  }
  if (major() == major_tag) return read_tag();
  if (!wants_name() && !begin_item()) return false;
  switch (major()) {
    case major_unsigned:
      if (argument_ > largest_integer)
        return refuse("the integer does not fit 64 bits with a sign");
      return complete(argument_);
    case major_negative:
      if (argument_ > largest_integer)
        return refuse("the integer does not fit 64 bits with a sign");
      return complete(-1 - static_cast<std::int64_t>(argument_));
    case major_bytes:
    case major_text:
      return begin_chunk();
    case major_array:
    case major_map:
      return begin_container(true);
    default:
      return read_simple();
  }
}

bool Decoder::read_indefinite() {
  if (major() == major_simple) return read_break();
  if (in_chunks_) return refuse("not well-formed, a string of indefinite length in another");
  if (wants_name() && major() != major_text) return refuse("a name must be text");
  if (major() < major_bytes || major() == major_tag) {
    return refuse(fmt::format("not well-formed, 0x{:02x} begins nothing", initial_));
  }
  if (announced_ == Announced::descriptor || announced_ == Announced::buffer) {
    return read_reference();
  }
  if (!wants_name() && !begin_item()) return false;
  if (major() == major_array || major() == major_map) return begin_container(false);
  in_chunks_ = true;
  chunk_major_ = major();
  return true;
}

bool Decoder::read_break() {
  if (in_chunks_) {
    in_chunks_ = false;
    return end_string();
  }
  if (announced_ != Announced::nothing || frames_.empty() || !frames_.back().indefinite ||
      frames_.back().has_name) {
    return refuse("not well-formed, an end where nothing ends");
  }
  Value container = std::move(frames_.back().container);
  frames_.pop_back();
  return complete(std::move(container));
}

bool Decoder::read_simple() {
  switch (info()) {
    case simple_false:
    case simple_true:
      return complete(info() == simple_true);
    case simple_null:
    case simple_undefined:
      return complete(nullptr);
    case half_float:
      return complete(from_half(static_cast<std::uint16_t>(argument_)));
    case single_float:
      return complete(std::bit_cast<float>(static_cast<std::uint32_t>(argument_)));
    case double_float:
      return complete(std::bit_cast<double>(argument_));
    default:
      // Section 3.3: below 32 these have no second byte.
      if (info() == one_byte_follows && argument_ < 32) {
        return refuse("not well-formed, a simple value of two bytes that has one");
      }
      return refuse(fmt::format("the simple value {} has no meaning", argument_));
  }
}

bool Decoder::read_tag() {
  switch (argument_) {
    case tag_positive_bignum:
    case tag_negative_bignum:
      return refuse("integers beyond 64 bits with a sign are not supported");
    case tag_descriptor:
      announced_ = Announced::descriptor;
      return true;
    case tag_buffer:
      announced_ = Announced::buffer;
      return true;
    default:
      announced_ = Announced::anything;
      return true;
  }
}

bool Decoder::read_reference() {
  const bool is_buffer = announced_ == Announced::buffer;
  if (!begin_item()) return false;
  if (is_buffer && initial_ == ((major_simple << 5) | simple_null)) return complete(SharedBuffer());
  if (major() != major_unsigned || info() == indefinite_length || argument_ != used_descriptors_) {
    return refuse(fmt::format("expected the number of descriptor {}", used_descriptors_));
  }
  if (used_descriptors_ == descriptors_.size()) {
    return refuse(fmt::format("descriptor {} has not come along", used_descriptors_));
  }
  Fd descriptor = std::move(descriptors_[used_descriptors_++]);
  if (!is_buffer) return complete(std::move(descriptor));
  Result<SharedBuffer> buffer = SharedBuffer::attach(std::move(descriptor));
  if (!buffer) return refuse(buffer.error().message());
  return complete(*buffer);
}

// ---- Values ----

bool Decoder::charge(std::uint64_t bytes) {
  if (bytes > limits_.max_bytes - weight_) {
    return refuse(fmt::format("the message is larger than {} bytes", limits_.max_bytes));
  }
  weight_ += bytes;
  return true;
}

bool Decoder::begin_item() {
  announced_ = Announced::nothing;
  if (items_ >= limits_.max_items) {
    return refuse(fmt::format("the message has more than {} values", limits_.max_items));
  }
  ++items_;
  return charge(sizeof(Value));
}

bool Decoder::begin_container(bool definite) {
  if (frames_.size() >= limits_.max_depth) {
    return refuse(fmt::format("nested deeper than {} levels", limits_.max_depth));
  }
  if (definite && argument_ > limits_.max_items - items_) {
    return refuse(fmt::format("the message has more than {} values", limits_.max_items));
  }
  Value container = major() == major_array ? Value(Value::Array()) : Value(Value::Object());
  if (definite && argument_ == 0) return complete(std::move(container));
  frames_.push_back(Frame{.container = std::move(container),
                          .left = definite ? argument_ : 0,
                          .indefinite = !definite});
  return true;
}

bool Decoder::wants_name() const {
  return !frames_.empty() && frames_.back().container.is_object() && !frames_.back().has_name;
}

bool Decoder::complete(Value value) {
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    if (frame.container.is_array()) {
      frame.container.as_array().push_back(std::move(value));
    } else {
      frame.container.as_object().insert(std::move(frame.name), std::move(value));
      frame.has_name = false;
    }
    if (frame.indefinite || --frame.left > 0) return true;
    value = std::move(frame.container);
    frames_.pop_back();
  }
  root_ = std::move(value);
  state_ = State::done;
  return true;
}

// ---- Strings ----

bool Decoder::begin_chunk() {
  if (!charge(argument_)) return false;
  chunk_major_ = major();
  chunk_left_ = argument_;
  chunk_at_ = position_ + 1;
  return chunk_left_ > 0 || end_chunk();
}

std::size_t Decoder::read_chunk(std::span<const std::byte> piece) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, piece.size()));
  if (chunk_major_ == major_text) {
    text_.append(reinterpret_cast<const char*>(piece.data()), size);
  } else {
    bytes_.insert(bytes_.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(size));
  }
  position_ += size;
  chunk_left_ -= size;
  if (chunk_left_ == 0 && !end_chunk()) state_ = State::failed;
  return size;
}

// Each chunk is UTF-8 by itself: section 3.2.3.
bool Decoder::end_chunk() {
  if (chunk_major_ == major_text) {
    const std::size_t good = detail::utf8_end(text_, checked_);
    if (good != text_.size()) return refuse("the text is not UTF-8", chunk_at_ + good - checked_);
    checked_ = text_.size();
  }
  return in_chunks_ || end_string();
}

bool Decoder::end_string() {
  checked_ = 0;
  if (wants_name()) return end_name();
  if (chunk_major_ == major_text) return complete(std::exchange(text_, {}));
  return complete(std::exchange(bytes_, {}));
}

bool Decoder::end_name() {
  Frame& frame = frames_.back();
  frame.name = std::exchange(text_, {});
  if (frame.container.as_object().contains(frame.name)) return refuse("the name comes twice");
  frame.has_name = true;
  return true;
}

Result<Value> decode(std::span<const std::byte> bytes, std::vector<Fd> descriptors,
                     const ValueLimits& limits) {
  Decoder decoder(limits);
  decoder.add_descriptors(std::move(descriptors));
  Result<std::size_t> used = decoder.feed(bytes);
  if (!used) return used.error();
  if (!decoder.done()) {
    return Error(fmt::format("CBOR at byte {}: ends in the middle of a value", bytes.size()));
  }
  if (*used < bytes.size()) {
    return Error(fmt::format("CBOR at byte {}: more bytes after the value", *used));
  }
  return decoder.take();
}

}  // namespace brigade::cbor
