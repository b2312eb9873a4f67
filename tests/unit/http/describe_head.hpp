// All that a head says, as text to compare.
#pragma once

#include <fmt/format.h>
#include <brigade/http/head.hpp>

#include <string>

namespace brigade::http::test {

inline std::string describe(const RequestHead& head) {
  std::string text =
      fmt::format("{}({}) {} path={} query={}{} host={} 1.{} keep={} up={}", head.method_name,
                  static_cast<int>(head.method), head.target, head.path, head.has_query, head.query,
                  head.host, head.minor_version, head.keep_alive, head.upgrade);
  text += fmt::format(" chunked={} length={}{} expect={}", head.chunked, head.has_content_length,
                      head.content_length, head.expect_continue);
  for (const Field& field : head.fields) text += fmt::format(" [{}|{}]", field.name, field.value);
  return text;
}

}  // namespace brigade::http::test
