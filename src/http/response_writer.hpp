// A response's bytes (RFC 9112 sections 4 to 6).
#pragma once

#include <brigade/http/head.hpp>
#include <brigade/http/response.hpp>

#include <string>

#include "http/out_buffer.hpp"

namespace brigade::http {

class ResponseWriter {
 public:
  struct Framing {
    bool head_only = false;      // the answer to HEAD: the length of the body, without the body
    bool close = false;          // the connection ends after this
    bool keep_alive_10 = false;  // an HTTP/1.0 client that asked to keep the connection
  };

  /// `date_line` is "Date: …\r\n". A body of `large_body` bytes or more is not copied: it is moved
  /// to `large`, to be sent after what is in `out`.
  static void write(Response& response, Framing framing, std::string_view date_line,
                    detail::OutBuffer& out, std::string& large);

  static constexpr std::size_t large_body = 16 << 10;
};

inline constexpr std::size_t date_line_size = 37;

/// "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n" (RFC 9110 section 5.6.7).
std::string date_line(std::int64_t unix_seconds);

}  // namespace brigade::http
