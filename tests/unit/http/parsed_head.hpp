// Parses a head in all segmentations, and demands the same outcome from each.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "http/parser.hpp"
#include "unit/http/pieces.hpp"

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

/// The outcome of one head, with views that stay valid as long as the object.
class ParsedHead {
 public:
  explicit ParsedHead(std::string_view raw, const Limits& limits = {}) : raw_(raw) {
    outcome = run(Cut::whole, limits);
    const std::string expected = text();
    for (Cut cut : {Cut::bytes, Cut::lines}) {
      RequestHead other;
      std::swap(head, other);
      outcome = run(cut, limits);
      EXPECT_EQ(text(), expected) << "cut differently: " << static_cast<int>(cut);
      std::swap(head, other);
    }
    outcome = run(Cut::whole, limits);
  }

  bool complete() const { return outcome.status == HeadParser::Status::complete; }
  bool incomplete() const { return outcome.status == HeadParser::Status::incomplete; }
  /// 0 unless refused.
  int code() const { return outcome.code; }

  RequestHead head;
  HeadParser::Outcome outcome;

 private:
  std::string text() const {
    std::string all = fmt::format("{} {} {} {}", static_cast<int>(outcome.status), outcome.code,
                                  outcome.consumed, outcome.reason);
    return complete() ? all + describe(head) : all;
  }

  /// Each read finds the bytes in another place of exactly their size, so that views left behind
  /// and reads past the end are errors under AddressSanitizer.
  HeadParser::Outcome run(Cut cut, const Limits& limits) {
    HeadParser parser(limits);
    HeadParser::Outcome result{};
    for (std::size_t arrived : arrivals(raw_, cut)) {
      std::unique_ptr<char[]> place(new char[arrived]);
      raw_.copy(place.get(), arrived);
      result = parser.parse({place.get(), arrived}, head);
      place_ = std::move(place);
      if (result.status != HeadParser::Status::incomplete) break;
    }
    return result;
  }

  std::string raw_;
  std::unique_ptr<char[]> place_;
};

}  // namespace brigade::http::test
