#include "runner/corpus.hpp"

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <fstream>
#include <set>
#include <stdexcept>

namespace conformance {
namespace {

namespace json = boost::json;

const std::set<std::string_view> known_keys = {"name",       "category",     "rfc",
                                               "level",      "why",          "raw_request_escaped",
                                               "expand",     "expect",       "expect_sequence",
                                               "prefer",     "tolerated",    "must_not",
                                               "conn_after", "steps",        "split",
                                               "drip",       "wait_ms",      "parallel",
                                               "expect_ws",  "tolerated_ws", "setup",
                                               "note"};

std::string string_of(const json::value& value) {
  return std::string(value.as_string());
}

std::chrono::milliseconds ms_of(const json::value& value) {
  return std::chrono::milliseconds(value.to_number<std::int64_t>());
}

void replace_all(std::string& text, std::string_view token, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(token, at)) != std::string::npos; at += by.size()) {
    text.replace(at, token.size(), by);
  }
}

std::string repetition(const json::object& how) {
  std::string out;
  if (const json::value* repeat = how.if_contains("repeat")) {
    const auto times = repeat->at(1).to_number<std::size_t>();
    for (std::size_t i = 0; i < times; ++i) out += string_of(repeat->at(0));
    return out;
  }
  const json::value& counter = how.at("counter");
  const auto times = counter.at(1).to_number<std::size_t>();
  for (std::size_t i = 0; i < times; ++i) {
    std::string one = string_of(counter.at(0));
    replace_all(one, "%d", fmt::to_string(i));
    out += one;
  }
  return out;
}

std::string latin1(std::string_view utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x80) {
      out += utf8[i];
    } else if ((byte & 0xfc) == 0xc0 && i + 1 < utf8.size()) {
      out += static_cast<char>((byte & 3) << 6 | (utf8[++i] & 0x3f));
    } else {
      throw std::runtime_error("a character beyond U+00FF");
    }
  }
  return out;
}

std::string bytes_of(const json::value& text, const json::object& whole) {
  std::string out = string_of(text);
  if (const json::value* table = whole.if_contains("expand")) {
    for (const auto& [token, how] : table->as_object())
      replace_all(out, token, repetition(how.as_object()));
  }
  return latin1(out);
}

std::vector<int> outcomes(const json::value& list) {
  std::vector<int> out;
  for (const json::value& one : list.as_array()) {
    if (one.is_string() && one.as_string() != "close")
      throw std::runtime_error("an unknown outcome");
    out.push_back(one.is_string() ? closed_without_answer : one.to_number<int>());
  }
  return out;
}

Step step_of(const json::object& step, const json::object& whole) {
  if (const json::value* send = step.if_contains("send")) {
    return {.kind = Step::Kind::send, .bytes = bytes_of(*send, whole)};
  }
  if (step.contains("shutdown_wr")) return {.kind = Step::Kind::half_close};
  Step out{.kind = Step::Kind::expect, .statuses = outcomes(step.at("expect_status"))};
  if (const json::value* within = step.if_contains("within_ms")) out.within = ms_of(*within);
  return out;
}

Drip drip_of(const json::object& how, std::size_t size) {
  Drip out;
  out.every = ms_of(how.at("every_ms"));
  out.most = ms_of(how.at("max_ms"));
  out.after = how.contains("after") ? how.at("after").to_number<std::size_t>() : size;
  if (how.contains("read_bytes")) {
    out.read_bytes = how.at("read_bytes").to_number<std::size_t>();
  } else {
    out.unit = latin1(string_of(how.contains("byte") ? how.at("byte") : how.at("line")));
  }
  return out;
}

Case case_of(const json::object& from) {
  for (const auto& entry : from) {
    if (!known_keys.contains(entry.key()))
      throw std::runtime_error("an unknown key: " + std::string(entry.key()));
  }
  Case out;
  out.name = string_of(from.at("name"));
  out.category = string_of(from.at("category"));
  out.why = string_of(from.at("why"));
  out.must_not = string_of(from.at("must_not"));
  out.request = bytes_of(from.at("raw_request_escaped"), from);
  out.expect = outcomes(from.at("expect"));
  if (from.contains("prefer")) out.prefer = outcomes(from.at("prefer"));
  if (from.contains("tolerated")) out.tolerated = outcomes(from.at("tolerated"));
  if (from.contains("expect_sequence")) {
    for (const json::value& one : from.at("expect_sequence").as_array()) {
      out.sequences.push_back(outcomes(one));
    }
  }
  const std::string after = string_of(from.at("conn_after"));
  out.after = after == "open"     ? Case::After::open
              : after == "closed" ? Case::After::closed
                                  : Case::After::any;
  if (from.contains("steps")) {
    for (const json::value& one : from.at("steps").as_array()) {
      out.steps.push_back(step_of(one.as_object(), from));
    }
  } else {
    out.steps.push_back({.kind = Step::Kind::send, .bytes = out.request});
  }
  out.every_byte = from.contains("split") && from.at("split") == "every-byte";
  if (from.contains("drip")) out.drip = drip_of(from.at("drip").as_object(), out.request.size());
  if (from.contains("wait_ms")) out.wait = ms_of(from.at("wait_ms"));
  if (from.contains("parallel")) out.parallel = from.at("parallel").to_number<std::size_t>();
  return out;
}

}  // namespace

std::string describe(int outcome) {
  switch (outcome) {
    case closed_without_answer:
      return "close";
    case no_answer:
      return "nothing";
    case not_http:
      return "junk";
    default:
      return fmt::to_string(outcome);
  }
}

std::vector<Case> load_cases(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + " cannot be read");
  std::vector<Case> out;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (line.empty()) continue;
    try {
      out.push_back(case_of(json::parse(line).as_object()));
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}:{}: {}", path, number, error.what()));
    }
  }
  if (out.empty()) throw std::runtime_error(path + " holds no case");
  return out;
}

}  // namespace conformance
