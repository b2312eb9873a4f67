#include "http/response_writer.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <ctime>

namespace brigade::http {
namespace {

char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

char* put_number(char* at, std::size_t value) {
  std::array<char, 20> digits;
  char* const end = digits.data() + digits.size();
  char* first = end;
  do {
    *--first = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return put(at, {first, static_cast<std::size_t>(end - first)});
}

char* put_status_line(char* at, int status) {
  if (status == 200) return put(at, "HTTP/1.1 200 OK\r\n");
  at = put(at, "HTTP/1.1 ");
  at = put_number(at, static_cast<std::size_t>(status));
  *at++ = ' ';  // stays when there is no phrase (RFC 9112 section 4)
  at = put(at, reason_phrase(status));
  return put(at, "\r\n");
}

// RFC 9110 sections 8.6 and 15.3.5: neither of these has a body, nor a Content-Length of one.
bool has_no_body(int status) {
  return status == 204 || status == 304;
}

}  // namespace

void ResponseWriter::write(Response& response, Framing framing, std::string_view date_line,
                           detail::OutBuffer& out, std::string& large) {
  // Status line, Date, Content-Type, Content-Length, Connection and the empty line, at their
  // longest.
  constexpr std::size_t fixed = 320;
  const bool bodiless = has_no_body(response.status_);
  const bool copies_body = !bodiless && !framing.head_only && response.body_.size() < large_body;
  char* at =
      out.reserve(fixed + response.fields_.size() + (copies_body ? response.body_.size() : 0));
  at = put_status_line(at, response.status_);
  std::memcpy(at, date_line.data(), date_line_size);  // a constant size: inlined
  at += date_line_size;
  if (!response.type_line_.empty()) at = put(at, response.type_line_);  // its data may be null
  if (!bodiless) {
    at = put(at, "Content-Length: ");
    at = put_number(at, response.body_.size());
    at = put(at, "\r\n");
  }
  if (framing.close) {
    at = put(at, "Connection: close\r\n");
  } else if (framing.keep_alive_10) {
    at = put(at, "Connection: keep-alive\r\n");
  }
  if (!response.fields_.empty()) at = put(at, response.fields_);
  at = put(at, "\r\n");
  if (copies_body) at = put(at, response.body_);
  out.commit(at);
  if (!copies_body && !bodiless && !framing.head_only) large = std::move(response.body_);
}

std::string date_line(std::int64_t unix_seconds) {
  static constexpr std::array days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t at = unix_seconds;
  std::tm parts{};
  ::gmtime_r(&at, &parts);
  // Not strftime: its names depend on the program's locale.
  return fmt::format(FMT_COMPILE("Date: {}, {:02} {} {:04} {:02}:{:02}:{:02} GMT\r\n"),
                     days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace brigade::http
