// JSON bodies, both ways.
#pragma once

#include <brigade/http/error.hpp>
#include <brigade/http/request.hpp>
#include <brigade/http/response.hpp>
#include <brigade/json.hpp>

namespace brigade::http {

/// A described struct, a container, a number, a boost::json::value … as application/json.
template <class T>
Response json(const T& value, int status = 200) {
  return json_text(to_json_text(value)).status(status);
}

/// The body as a T: `auto user = co_await json_body<NewUser>(request);`. Throws HttpError 400 that
/// names the place or the field, 415 when the client says that it is not JSON.
template <class T>
Task<T> json_body(Request& request) {
  const auto coding = request.header("Content-Encoding");
  if (coding && !equal_ignoring_case(*coding, "identity")) {
    throw HttpError(415, "expected a body without Content-Encoding");
  }
  const auto type = request.header("Content-Type");
  if (type && type->find("json") == std::string_view::npos) {
    throw HttpError(415, "expected Content-Type: application/json");
  }
  std::string text = co_await request.body();
  auto value = from_json_text<T>(text);
  if (!value) throw HttpError(400, value.error().message());
  co_return std::move(*value);
}

}  // namespace brigade::http
