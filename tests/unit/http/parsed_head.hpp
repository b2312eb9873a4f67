// Parses a head in all segmentations, and demands the same outcome from each.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "http/parser.hpp"
#include "unit/http/describe_head.hpp"
#include "unit/http/pieces.hpp"

namespace brigade::http::test {

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
