// An answer as an exception, for where a handler cannot go on.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace brigade::http {

/// Becomes the answer with that status and {"error": message}. Below 500 nothing is logged: it is
/// the client's mistake. Whatever the client sent must be escaped before it gets into `message`
/// (log::escape), as JSON escaping alone keeps it readable, not harmless.
class HttpError : public std::exception {
 public:
  HttpError(int status, std::string message) : status_(status), message_(std::move(message)) {}
  int status() const { return status_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  int status_;
  std::string message_;
};

}  // namespace brigade::http
