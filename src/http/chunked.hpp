// Decodes a chunked body (RFC 9112 7.1) as it comes, in pieces of any size. Keeps a few numbers
// between calls and no bytes. Strict: every line ends with CRLF, and sizes are plain hex digits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace brigade::http {

struct ChunkedLimits {
  std::uint64_t body = UINT64_MAX;  // bytes of data; the chunk size that passes it is 413
  std::size_t extensions = 4096;    // bytes of chunk extensions in the whole message; 413
  std::size_t trailers = 8192;      // bytes of all trailer lines; 431
  std::size_t trailer_count = 100;  // trailer lines; 431
};

/// One body; make a new one for the next. One thread at a time.
class ChunkedDecoder {
 public:
  enum class Kind : std::uint8_t { need_more, data, complete, error };
  struct Step {
    Kind kind;
    int code = 0;                // error: the HTTP status to answer with, before closing
    std::size_t consumed = 0;    // bytes of `in` that are done with, in every case but error
    std::string_view data = {};  // data: a piece of the body, a view into `in`
    const char* reason = "";     // error: a few plain words, static
  };

  ChunkedDecoder() = default;
  explicit ChunkedDecoder(const ChunkedLimits& limits) : limits_(limits) {}

  /// Takes `in` up to the next piece of data. Call again with what it left over until it needs more
  /// (then it took everything), is complete (what is left is the next request) or met an error.
  /// Trailers are checked and dropped: nothing in them may change a request that already runs.
  Step next(std::string_view in);

 private:
  enum class State : std::uint8_t {
    size,
    size_lf,
    before_semicolon,
    before_name,
    extension_name,
    after_name,
    before_value,
    extension_token,
    quoted,
    quoted_escape,
    after_quoted,
    data,
    data_cr,
    data_lf,
    trailer_first,
    trailer_name,
    trailer_value,
    trailer_lf,
    last_lf,
    complete,
    failed
  };

  State after(char c, Step& error);
  State on_size(char c, Step& error);
  State on_size_line_end(Step& error);
  State on_extension(char c, Step& error);
  State on_trailer(char c, Step& error);

  ChunkedLimits limits_;
  std::uint64_t chunk_ = 0;     // its size as read so far, then what is left of it
  std::uint64_t total_ = 0;     // sizes of all chunks so far
  std::size_t extensions_ = 0;  // bytes of extensions so far
  std::size_t trailers_ = 0;    // bytes of trailer lines so far
  std::size_t trailer_count_ = 0;
  unsigned digits_ = 0;
  State state_ = State::size;
};

}  // namespace brigade::http
