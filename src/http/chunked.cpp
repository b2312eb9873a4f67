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

bool blank(char c) {
  return c == ' ' || c == '\t';
}

ChunkedDecoder::Step refusal(int code, const char* reason) {
  return {.kind = Kind::error, .code = code, .reason = reason};
}

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::next(std::string_view in) {
  Step error = refusal(400, "malformed chunked body");
  const char* const end = in.data() + in.size();
  const char* p = in.data();
  auto consumed = [&] { return static_cast<std::size_t>(p - in.data()); };

  while (state_ < State::complete) {
    if (p == end) return {.kind = Kind::need_more, .consumed = consumed()};
    if (state_ == State::data) {
      const auto left = static_cast<std::uint64_t>(end - p);
      const std::string_view data(p, static_cast<std::size_t>(std::min(chunk_, left)));
      p += data.size();
      chunk_ -= data.size();
      if (chunk_ == 0) state_ = State::data_cr;
      return {.kind = Kind::data, .consumed = consumed(), .data = data};
    }
    state_ = after(*p++, error);
  }
  if (state_ == State::failed) return error;
  return {.kind = Kind::complete, .consumed = consumed()};
}

ChunkedDecoder::State ChunkedDecoder::after(char c, Step& error) {
  switch (state_) {
    case State::size:
      return on_size(c, error);
    case State::size_lf:
      return c == '\n' ? on_size_line_end(error) : State::failed;
    case State::data_cr:
      return c == '\r' ? State::data_lf : State::failed;
    case State::data_lf:
      return c == '\n' ? State::size : State::failed;
    case State::last_lf:
      return c == '\n' ? State::complete : State::failed;
    case State::trailer_first:
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_lf:
      return on_trailer(c, error);
    default:
      return on_extension(c, error);
  }
}

ChunkedDecoder::State ChunkedDecoder::on_size(char c, Step& error) {
  if (chars::is(chars::hex, c)) {
    // 16 digits hold any size: one more overflows, or is a zero in front without a purpose.
    if (++digits_ > 16) {
      if (chunk_ >> 60 != 0) error = refusal(413, "chunk too large");
      return State::failed;
    }
    chunk_ = chunk_ << 4 | chars::hex_value(c);
    return State::size;
  }
  if (digits_ == 0) return State::failed;
  if (c == '\r') return State::size_lf;
  state_ = State::before_semicolon;
  return on_extension(c, error);
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

ChunkedDecoder::State ChunkedDecoder::on_extension(char c, Step& error) {
  // RFC 9112 7.1.1: unknown ones are ignored, and their total has a limit. Per message, since a
  // limit per chunk is none.
  if (++extensions_ > limits_.extensions) {
    error = refusal(413, "chunk extensions too large");
    return State::failed;
  }
  const bool is_token = chars::is(chars::token, c);
  switch (state_) {
    case State::before_semicolon:
      if (blank(c)) return State::before_semicolon;
      return c == ';' ? State::before_name : State::failed;
    case State::before_name:
      if (blank(c)) return State::before_name;
      return is_token ? State::extension_name : State::failed;
    case State::extension_name:
      if (is_token) return State::extension_name;
      if (c == '\r') return State::size_lf;
      [[fallthrough]];
    case State::after_name:
      if (blank(c)) return State::after_name;
      if (c == '=') return State::before_value;
      return c == ';' ? State::before_name : State::failed;
    case State::before_value:
      if (blank(c)) return State::before_value;
      if (c == '"') return State::quoted;
      return is_token ? State::extension_token : State::failed;
    case State::quoted:
      if (c == '"') return State::after_quoted;
      if (c == '\\') return State::quoted_escape;
      return chars::is(chars::value, c) ? State::quoted : State::failed;
    case State::quoted_escape:
      return chars::is(chars::value, c) ? State::quoted : State::failed;
    case State::extension_token:
      if (is_token) return State::extension_token;
      [[fallthrough]];
    default:  // after_quoted
      if (c == '\r') return State::size_lf;
      if (blank(c)) return State::before_semicolon;
      return c == ';' ? State::before_name : State::failed;
  }
}

ChunkedDecoder::State ChunkedDecoder::on_trailer(char c, Step& error) {
  if (++trailers_ > limits_.trailers) {
    error = refusal(431, "trailers too large");
    return State::failed;
  }
  switch (state_) {
    case State::trailer_first:
      if (c == '\r') return State::last_lf;
      if (!chars::is(chars::token, c)) return State::failed;
      if (++trailer_count_ > limits_.trailer_count) {
        error = refusal(431, "too many trailers");
        return State::failed;
      }
      return State::trailer_name;
    case State::trailer_name:
      if (chars::is(chars::token, c)) return State::trailer_name;
      return c == ':' ? State::trailer_value : State::failed;
    case State::trailer_value:
      if (c == '\r') return State::trailer_lf;
      return chars::is(chars::value, c) ? State::trailer_value : State::failed;
    default:  // trailer_lf
      return c == '\n' ? State::trailer_first : State::failed;
  }
}

}  // namespace brigade::http
