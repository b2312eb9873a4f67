#include <fmt/format.h>
#include <brigade/http/head.hpp>
#include <brigade/http/response.hpp>
#include <brigade/json.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>

namespace brigade::http {
namespace {

bool is_token(std::string_view text) {  // RFC 9110 section 5.6.2
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {  // RFC 9110 section 5.5
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
  });
}

constexpr std::array framing_fields = {"Content-Length", "Transfer-Encoding", "Connection", "Date"};

}  // namespace

std::string_view name_of(Method method) {
  static constexpr std::array<std::string_view, method_count> names = {
      "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return names.at(static_cast<std::size_t>(method));
}

Response& Response::status(int status) {
  if (status < 200 || status > 599) {
    throw std::invalid_argument(fmt::format("{} is no status of an answer (200 to 599)", status));
  }
  status_ = status;
  return *this;
}

Response& Response::set(std::string_view name, std::string_view value) {
  if (has(name)) remove(name);
  return add(name, value);
}

Response& Response::remove(std::string_view name) {
  if (equal_ignoring_case(name, "Content-Type")) type_line_ = {};
  for (std::size_t at = 0; at < fields_.size();) {
    const std::string_view rest = std::string_view(fields_).substr(at);
    const std::size_t size = rest.find('\n') + 1;
    if (equal_ignoring_case(rest.substr(0, rest.find(':')), name)) {
      fields_.erase(at, size);
    } else {
      at += size;
    }
  }
  return *this;
}

Response& Response::add(std::string_view name, std::string_view value) {
  if (!is_token(name)) throw std::invalid_argument("a response field's name must be a token");
  if (!is_field_value(value)) {
    throw std::invalid_argument(fmt::format("the value of {} has a control character in it", name));
  }
  for (const char* framing : framing_fields) {
    if (equal_ignoring_case(name, framing)) {
      throw std::invalid_argument(fmt::format("{} is written by the server", name));
    }
  }
  fields_.append(name).append(": ").append(value).append("\r\n");
  return *this;
}

bool Response::has(std::string_view name) const {
  if (!type_line_.empty() && equal_ignoring_case(name, "Content-Type")) return true;
  std::string_view rest = fields_;
  while (!rest.empty()) {
    if (equal_ignoring_case(rest.substr(0, rest.find(':')), name)) return true;
    rest.remove_prefix(rest.find('\n') + 1);
  }
  return false;
}

Response text(std::string body) {
  Response out;
  out.type_line_ = "Content-Type: text/plain; charset=utf-8\r\n";
  out.body_ = std::move(body);
  return out;
}

Response html(std::string body) {
  Response out;
  out.type_line_ = "Content-Type: text/html; charset=utf-8\r\n";
  out.body_ = std::move(body);
  return out;
}

Response json_text(std::string body) {
  Response out;
  out.type_line_ = "Content-Type: application/json\r\n";
  out.body_ = std::move(body);
  return out;
}

Response error(int status, std::string_view message) {
  return json_text(to_json_text(std::map<std::string, std::string_view>{{"error", message}}))
      .status(status);
}

Response empty(int status) {
  return Response(status);
}

Response redirect(std::string_view where, int status) {
  Response out(status);
  out.set("Location", where);
  return out;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace brigade::http
