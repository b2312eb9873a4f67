// The cases, as the file has them.
//
// One JSON object a line. Requests are written with one character, U+0000 to U+00FF, for each byte,
// and with tokens that stand for long repetitions ("expand").
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conformance {

/// What a client may see first: a status of 100 or more, or one of these.
enum Outcome : int { closed_without_answer = 1, no_answer = 2, not_http = 3 };
std::string describe(int outcome);

struct Step {
  enum class Kind { send, half_close, expect } kind;
  std::string bytes = {};
  std::vector<int> statuses = {};
  std::chrono::milliseconds within{10000};
};

struct Drip {
  std::size_t after = 0;       // bytes that are sent at once
  std::string unit;            // then these, for ever; %d in it counts up
  std::size_t read_bytes = 0;  // or: read so many at a time
  std::chrono::milliseconds every{};
  std::chrono::milliseconds most{};
};

struct Case {
  std::string name, category, why, must_not;
  std::string request;  // expanded
  std::vector<int> expect, prefer, tolerated;
  std::vector<std::vector<int>> sequences;  // acceptable answers, where several are due
  enum class After { any, open, closed } after = After::any;
  std::vector<Step> steps;  // at least one
  bool every_byte = false;
  std::optional<Drip> drip;
  std::optional<std::chrono::milliseconds> wait;
  std::size_t parallel = 0;

  /// These run once: time is what they are about, not how bytes are cut.
  bool timed() const { return drip || wait || parallel > 0; }
  bool forbids(std::string_view part) const { return must_not.find(part) != std::string::npos; }
};

/// Throws std::runtime_error, with the line's number, for a file that is missing or malformed and
/// for a key that is not understood: a case must not pass because half of it was skipped.
std::vector<Case> load_cases(const std::string& path);

/// Why a case is not played; empty when it is.
std::string_view left_out_because(const Case& one);

}  // namespace conformance
