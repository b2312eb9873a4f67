// What a handler answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace brigade::http {

/// A value: build it, return it. Content-Length, Date and Connection are the server's business.
class Response {
 public:
  explicit Response(int status_code = 200) { status(status_code); }

  static Response ok(std::string body, std::string_view content_type) {
    Response out;
    out.body_ = std::move(body);
    out.set("Content-Type", content_type);
    return out;
  }

  int status() const { return status_; }
  /// Throws std::invalid_argument below 200 (an interim answer, which is the server's business) and
  /// above 599: a client could take it for the answer to another request.
  Response& status(int status);
  /// Sets a field, in place of any of that name. Throws std::invalid_argument for a name that is no
  /// token, for a value with CR, LF, NUL or another control character (response splitting, RFC 9110
  /// section 5.5), and for the framing fields that the server writes: Content-Length,
  /// Transfer-Encoding, Connection, Date.
  Response& set(std::string_view name, std::string_view value);
  /// The same, beside any of that name: for Set-Cookie and lists.
  Response& add(std::string_view name, std::string_view value);
  Response& remove(std::string_view name);
  /// True when a field of that name was set, compared without case.
  bool has(std::string_view name) const;

  const std::string& body() const { return body_; }
  Response& body(std::string body) {
    body_ = std::move(body);
    return *this;
  }

 private:
  friend class ResponseWriter;
  friend Response text(std::string body);
  friend Response html(std::string body);
  friend Response json_text(std::string body);
  int status_ = 200;
  std::string fields_;          // ready to send: "Name: value\r\n…"
  std::string_view type_line_;  // a literal "Content-Type: …\r\n", so that text() copies nothing
  std::string body_;
};

/// text/plain; charset=utf-8
Response text(std::string body);
Response html(std::string body);
/// application/json of text that is JSON already. For values see http/json.hpp.
Response json_text(std::string body);
/// {"error": message}
Response error(int status, std::string_view message);
/// No body. 204 unless told otherwise.
Response empty(int status = 204);
/// Location is `where`, a URI reference; 303 makes the client GET it.
Response redirect(std::string_view where, int status = 303);

/// "Not Found"; empty for codes without a registered phrase.
std::string_view reason_phrase(int status);

}  // namespace brigade::http
