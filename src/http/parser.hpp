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

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace brigade::http {

enum class Method : std::uint8_t { get, head, post, put, delete_, connect, options, trace, patch };
inline constexpr std::size_t method_count = 9;

struct Field {
  std::string_view name;   // as sent; compare without case
  std::string_view value;  // outer whitespace removed
};

/// True when the two differ in ASCII case at most.
bool equal_ignoring_case(std::string_view a, std::string_view b);

struct Limits {
  std::size_t request_line = 8192;  // bytes with its CRLF; a longer target is 414
  std::size_t fields = 32768;       // bytes of all field lines with the empty one; more is 431
  std::size_t field_count = 100;    // field lines; more is 431
};

/// One request's head. All views point into the buffer that was parsed. Keep one object per
/// connection: the field vector then allocates for the first requests only.
struct RequestHead {
  std::string_view method_name;
  std::string_view target;  // as sent
  std::string_view path;    // not decoded; begins with '/', or is "*" (with OPTIONS only)
  std::string_view query;   // not decoded, without the '?'
  std::string_view host;    // with port: an absolute target's, else Host's; empty in 1.0 without
  std::vector<Field> fields;
  std::uint64_t content_length = 0;
  Method method = Method::get;
  std::uint8_t minor_version = 1;   // 0 or 1; HTTP/1.2 to 1.9 count as 1 (RFC 9110 2.5)
  bool has_query = false;           // tells "/?" from "/"
  bool keep_alive = true;           // by version and Connection (RFC 9112 9.3)
  bool upgrade = false;             // Connection lists "upgrade"
  bool chunked = false;             // the body comes in chunks
  bool has_content_length = false;  // never together with chunked
  bool expect_continue = false;     // the client waits for 100 before it sends its body

  /// The first field of that name, compared without case, or null.
  const Field* find(std::string_view name) const;
  void clear();
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
    const char* end;
    const char* p;
    Outcome outcome;

    bool refuse(int code, const char* reason) {
      outcome = {.status = Status::error, .code = code, .reason = reason};
      return false;
    }
    std::size_t offset() const { return static_cast<std::size_t>(p - base); }
    std::string_view since(std::size_t start) const { return {base + start, offset() - start}; }
  };

  bool wait(Cursor& cursor, State state);
  bool start(Cursor& cursor, RequestHead& head);
  bool request_line(Cursor& cursor, RequestHead& head);
  bool method(Cursor& cursor, RequestHead& head);
  bool target(Cursor& cursor, RequestHead& head);
  bool version(Cursor& cursor, RequestHead& head);
  bool split_target(Cursor& cursor, RequestHead& head);
  bool field_lines(Cursor& cursor, RequestHead& head);
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
  bool absolute_ = false;       // the host came with the target
  bool host_seen_ = false;
  bool coding_seen_ = false;    // a Transfer-Encoding field
  bool coding_unknown_ = false; // it names a coding besides chunked
  bool close_ = false;          // Connection lists "close"
  bool stay_ = false;           // Connection lists "keep-alive"
};

}  // namespace brigade::http
