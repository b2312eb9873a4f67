// One state per byte, data in whole pieces. Framing costs some ten bytes a chunk, so its speed is
// worth less than being easy to compare with the grammar:
//
//   chunk      = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//   chunk-size = 1*HEXDIG
//   chunk-ext  = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
//   last       = 1*("0") [ chunk-ext ] CRLF *( field-line CRLF ) CRLF
#include "http/chunked.hpp"

#include <algorithm>

#include "http/chars.hpp"

namespace brigade::http {

namespace {

using Kind = ChunkedDecoder::Kind;

bool blank(char c) { return c == ' ' || c == '\t'; }

ChunkedDecoder::Step refusal(int code, const char* reason) {
  return {.kind = Kind::error, .code = code, .reason = reason};
}

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::next(std::string_view in) {
  Step error = refusal(400, "malformed chunk");
  State state = state_;
  const char* const first = in.data();
  const char* const end = first + in.size();
  const char* p = first;
  auto consumed = [first, &p] { return static_cast<std::size_t>(p - first); };

  while (state < State::complete) {
    if (p == end) {
      state_ = state;
      return {.kind = Kind::need_more, .consumed = consumed()};
    }
    if (state == State::data) {
      const auto size =
          static_cast<std::size_t>(std::min(chunk_, static_cast<std::uint64_t>(end - p)));
      const std::string_view data(p, size);
      p += size;
      chunk_ -= size;
      state_ = chunk_ == 0 ? State::data_cr : State::data;
      return {.kind = Kind::data, .consumed = consumed(), .data = data};
    }
    const char c = *p++;
    switch (state) {
      case State::size_first:
      case State::size:
        state = on_size(c, error);
        break;
      case State::size_lf:
        state = c == '\n' ? on_size_line_end(error) : State::failed;
        break;
      case State::data_cr:
        state = c == '\r' ? State::data_lf : State::failed;
        break;
      case State::data_lf:
        state = c == '\n' ? State::size_first : State::failed;
        break;
      case State::last_lf:
        state = c == '\n' ? State::complete : State::failed;
        break;
      case State::trailer_first:
      case State::trailer_name:
      case State::trailer_value:
      case State::trailer_lf:
        state = on_trailer(c, error);
        break;
      default:
        state = on_extension(c, error);
    }
  }
  state_ = state;
  if (state == State::failed) return error;
  return {.kind = Kind::complete, .consumed = consumed()};
}

ChunkedDecoder::State ChunkedDecoder::on_size(char c, Step& error) {
  if (chars::is(chars::hex, c)) {
    if (state_ == State::size_first || digits_ == 0) chunk_ = 0;
    // Zeros in front count: 16 digits hold any size, so whoever sends more is up to something.
    if (++digits_ > 16) {
      error = refusal(413, "chunk size too long");
      return State::failed;
    }
    chunk_ = chunk_ << 4 | chars::hex_value(c);
    return State::size;
  }
  if (digits_ == 0) return State::failed;
  if (c == '\r') return State::size_lf;
  if (c == ';' || blank(c)) return on_extension(c, error);
  return State::failed;
}

ChunkedDecoder::State ChunkedDecoder::on_size_line_end(Step& error) {
  digits_ = 0;
  if (chunk_ == 0) return State::trailer_first;
  // Judged by what is announced: the answer need not wait for the data.
  if (chunk_ > limits_.body - total_) {
    error = refusal(413, "body too large");
    return State::failed;
  }
  total_ += chunk_;
  return State::data;
}

}  // namespace brigade::http
