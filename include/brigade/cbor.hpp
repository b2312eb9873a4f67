// Messages as bytes, for other processes: CBOR (RFC 8949). Descriptors travel beside them.
//
//   Result<cbor::Encoded> encoded = cbor::encode(std::move(message));
//   // … encoded->bytes through a Unix socket, encoded->descriptors along by SCM_RIGHTS …
//   Result<Value> message = cbor::decode(bytes, std::move(descriptors));
//
// Written: the shortest form of everything (RFC 8949 section 4.1), definite lengths, fields in
// their order. A number stays a number and an integer an integer.
//
// Read: every well-formed encoding, with definite and indefinite lengths, of what a Value can hold.
// `undefined` becomes null. Tags that we do not know are skipped, and what they stand before is
// read as it is (section 3.4). Refused: integers beyond 64 bits with a sign, bignums, simple values
// without a meaning, names that are no text or come twice, text that is no UTF-8.
//
// Any thread; nothing is shared. Only memory exhaustion throws.
#pragma once

#include <brigade/value.hpp>

#include <span>

namespace brigade::cbor {

struct Encoded {
  Bytes bytes;
  /// In the order in which the bytes refer to them.
  std::vector<Fd> descriptors;
};

/// Takes the descriptors out of the value, and duplicates those of shared buffers. After an error
/// the value is as it was: a port in it (ports reach other threads, not other processes), text that
/// is no UTF-8, a closed descriptor, beyond the limits, or the process out of descriptors.
Result<Encoded> encode(Value&& value, const ValueLimits& limits = {});

/// The same, appended to `out`, which an error leaves as it was. Returns the descriptors.
Result<std::vector<Fd>> encode_to(Bytes& out, Value&& value, const ValueLimits& limits = {});

/// The one value that the bytes are. Descriptors that it does not refer to are closed.
/// "CBOR at byte 7: a name must be text".
Result<Value> decode(std::span<const std::byte> bytes, std::vector<Fd> descriptors = {},
                     const ValueLimits& limits = {});

/// Reads values from a stream, in pieces of any size. What a length claims allocates nothing:
/// memory grows with the bytes that arrive, up to the limits.
class Decoder {
 public:
  explicit Decoder(const ValueLimits& limits = {}) : limits_(limits) {}

  /// To be called before the bytes that refer to them are fed. They wait in line, so that those of
  /// the next value may come early; 1024 at most.
  void add_descriptors(std::vector<Fd> descriptors);

  /// Reads until the value or the piece ends, and returns how many bytes that took. An error is
  /// final: every later call repeats it.
  Result<std::size_t> feed(std::span<const std::byte> piece);

  /// Whether a value is complete. It must be taken before more can be fed.
  bool done() const { return state_ == State::done; }
  /// Whether a value has begun and is not complete.
  bool in_value() const { return state_ == State::reading && position_ > 0; }
  /// Only when done(). Then the next value begins.
  Value take();

 private:
  enum class State : std::uint8_t { reading, done, failed };
  // What the tag just read announces.
  enum class Announced : std::uint8_t { nothing, anything, descriptor, buffer };
  struct Frame {
    Value container;
    std::uint64_t left = 0;  // elements or fields to come, of a definite length
    bool indefinite = false;
    bool has_name = false;  // the next value is that field's
    std::string name = {};
  };

  // All return false, and set error_, when the bytes are refused.
  bool read_byte(std::uint8_t byte);
  bool read_head();
  bool read_indefinite();
  bool read_break();
  bool read_simple();
  bool read_tag();
  bool read_reference();
  bool begin_item();
  bool begin_chunk();
  bool begin_container(bool definite);
  bool end_chunk();
  bool end_string();
  bool end_name();
  bool complete(Value value);
  bool charge(std::uint64_t bytes);
  bool refuse(const std::string& what, std::uint64_t position);
  bool refuse(const std::string& what) { return refuse(what, head_at_); }

  std::size_t read_chunk(std::span<const std::byte> piece);
  bool wants_name() const;
  std::uint8_t major() const { return initial_ >> 5; }
  std::uint8_t info() const { return initial_ & 31; }

  ValueLimits limits_;
  State state_ = State::reading;
  Error error_;

  // The head being read: RFC 8949 section 3.
  std::uint8_t initial_ = 0;
  std::uint8_t argument_left_ = 0;
  std::uint64_t argument_ = 0;
  std::uint64_t position_ = 0;  // bytes of this value so far
  std::uint64_t head_at_ = 0;
  Announced announced_ = Announced::nothing;

  // The string being read. in_chunks_: its length is indefinite.
  bool in_chunks_ = false;
  std::uint8_t chunk_major_ = 0;
  std::uint64_t chunk_left_ = 0;
  std::uint64_t chunk_at_ = 0;
  std::size_t checked_ = 0;  // of text_, found to be UTF-8
  std::string text_;
  Bytes bytes_;

  std::vector<Frame> frames_;
  std::size_t items_ = 0;
  std::size_t weight_ = 0;
  Value root_;

  std::vector<Fd> descriptors_;
  std::size_t used_descriptors_ = 0;
};

}  // namespace brigade::cbor
