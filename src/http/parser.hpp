// The HTTP/1.1 request parser: no I/O, no allocation on the way, strict (RFC 9110, RFC 9112).
//
// Where the RFCs let a recipient choose between repairing and refusing, this one refuses, because
// every repair is a place where two parsers on one path can disagree about where a request ends:
//   a line ends with CRLF, a bare LF or CR is 400 (9112 2.2)
//   a folded field line is 400 (9112 5.2), so is a control character in a field value (9110 5.5)
//   a repeated Content-Length is 400, even with equal values (9112 6.3), and so is a repeated Host
//   Transfer-Encoding is 400 beside Content-Length and in HTTP/1.0 (9112 6.1)
// Two repairs stay: one empty line before the request line (9112 2.2), and in a target the
// characters ^ ` { | } [ ], which RFC 3986 does not allow and browsers send.
#pragma once

#include <brigade/http/head.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace brigade::http {

struct Limits {
  std::size_t request_line = 8192;  // bytes with its CRLF; a longer target is 414
  std::size_t fields = 32768;       // bytes of all field lines with the empty one; more is 431
  std::size_t field_count = 100;    // field lines; more is 431
};

/// Parses one head after another. One thread at a time.
class HeadParser {
 public:
  enum class Status : std::uint8_t { incomplete, complete, error };
  struct Outcome {
    Status status;
    int code = 0;              // error: the HTTP status to answer with, before closing
    std::size_t consumed = 0;  // complete: bytes of the head, with its empty line
    const char* reason = "";   // error: a few plain words, static
  };

  HeadParser() = default;
  explicit HeadParser(const Limits& limits) : limits_(limits) {}

  /// `buffer` holds all bytes of this message so far, from its first one. After `incomplete`, call
  /// again with more bytes and the same `head`: parsing goes on where it stopped, also when the
  /// buffer has moved meanwhile. After `complete` or `error` the next call starts a new head.
  Outcome parse(std::string_view buffer, RequestHead& head);

  /// Forgets a head that is not complete.
  void reset() { state_ = State::start; }

  /// Moves the views of `head` from a buffer that began at `from` to its copy at `to`. `parse`
  /// does so by itself; this is for a buffer that moves while the body is read.
  static void rebase(const char* from, const char* to, RequestHead& head);

 private:
  enum class State : std::uint8_t { start, method, target, version, line, name, value };

  // One call's position. The steps return false when the call is over, with `outcome` set.
  struct Cursor {
    const char* base;
    const char* end;   // of the buffer
    const char* stop;  // of what the limit of the current part lets us see of it
    const char* p;
    Outcome outcome;

    bool refuse(int code, const char* reason) {
      outcome = {.status = Status::error, .code = code, .reason = reason};
      return false;
    }
    void limit(std::size_t start, std::size_t size) {
      const char* const first = base + start;
      stop = static_cast<std::size_t>(end - first) <= size ? end : first + size;
    }
    bool over_limit() const { return stop != end; }
    std::size_t offset() const { return static_cast<std::size_t>(p - base); }
    std::string_view since(std::size_t start) const { return {base + start, offset() - start}; }
  };

  bool wait(Cursor& cursor, State state);
  inline bool start(Cursor& cursor, RequestHead& head);
  inline bool request_line(Cursor& cursor, RequestHead& head);
  inline bool method(Cursor& cursor, RequestHead& head);
  inline bool target(Cursor& cursor, RequestHead& head);
  inline bool split_target(Cursor& cursor, RequestHead& head);
  inline bool version(Cursor& cursor, RequestHead& head);
  bool other_target(Cursor& cursor, RequestHead& head);
  inline bool field_lines(Cursor& cursor, RequestHead& head);
  bool take_field(Cursor& cursor, RequestHead& head, const Field& field);
  bool transfer_encoding(Cursor& cursor, RequestHead& head, std::string_view value);
  bool finish(Cursor& cursor, RequestHead& head);

  // Offsets from the buffer's first byte, so that the buffer may move. Valid between two calls,
  // and there only as far as the state has come.
  Limits limits_;
  const char* base_ = nullptr;  // where the buffer was
  std::size_t at_ = 0;          // everything before it is parsed
  std::size_t line_ = 0;        // the request line
  std::size_t token_ = 0;       // the target, the version or the field name that `at_` is in
  std::size_t value_ = 0;       // the field value that `at_` is in
  std::size_t query_ = 0;       // the target's first '?', 0 when there is none
  std::size_t fields_ = 0;      // the first field line
  State state_ = State::start;
  bool known_method_ = false;
  bool absolute_ = false;  // the host came with the target
  bool host_seen_ = false;
  bool coding_seen_ = false;     // a Transfer-Encoding field
  bool coding_unknown_ = false;  // it names a coding besides chunked
  bool close_ = false;           // Connection lists "close"
  bool stay_ = false;            // Connection lists "keep-alive"
};

}  // namespace brigade::http
