// The conformance corpus, without a server: its requests go through the parser and the chunked
// decoder in three segmentations. What needs routes, files, time or WebSocket frames is for the
// conformance run against a real server; of those cases, only the segmentations are compared here.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <optional>
#include <random>
#include <set>

#include "http/chunked.hpp"
#include "unit/http/parsed_head.hpp"

namespace brigade::http {
namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t body_limit = 1 << 20;  // of the server that the corpus assumes

/// What a server would see of one connection.
class Connection {
 public:
  struct Message {
    int code = 0;  // 0: accepted
    std::string text;
    bool operator==(const Message&) const = default;
  };

  void read(std::string_view bytes) {
    buffer_ += bytes;
    while (!closed && (in_body_ ? on_body() : on_head())) {
    }
  }

  std::vector<Message> messages;
  bool closed = false;

 private:
  bool on_head() {
    const auto outcome = parser_.parse(buffer_, head_);
    if (outcome.status == HeadParser::Status::incomplete) return false;
    if (outcome.status == HeadParser::Status::error) return refuse(outcome.code);
    if (head_.content_length > body_limit) return refuse(413);
    text_ = test::describe(head_);
    path_ = head_.path;
    in_body_ = true;
    chunked_.reset();
    if (head_.chunked) chunked_.emplace(ChunkedLimits{.body = body_limit});
    left_ = head_.content_length;
    keep_alive_ = head_.keep_alive;
    buffer_.erase(0, outcome.consumed);
    return true;
  }

  bool on_body() {
    std::size_t consumed = 0;
    bool complete = false;
    if (chunked_) {
      const auto step = chunked_->next(buffer_);
      if (step.kind == ChunkedDecoder::Kind::error) return refuse(step.code);
      text_ += step.data;
      consumed = step.consumed;
      complete = step.kind == ChunkedDecoder::Kind::complete;
    } else {
      consumed = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer_.size()));
      text_ += buffer_.substr(0, consumed);
      left_ -= consumed;
      complete = left_ == 0;
    }
    buffer_.erase(0, consumed);
    if (complete) {
      messages.push_back({0, text_});
      in_body_ = false;
      closed = !keep_alive_;
    }
    return complete || consumed > 0;
  }

  bool refuse(int code) {
    messages.push_back({code, ""});
    closed = true;
    return false;
  }

  HeadParser parser_;
  RequestHead head_;
  std::optional<ChunkedDecoder> chunked_;
  std::string buffer_, text_, path_;
  std::uint64_t left_ = 0;
  bool in_body_ = false;
  bool keep_alive_ = true;
};

/// In the corpus each character U+0000 to U+00FF is one byte.
std::string bytes_of(std::string_view utf8) {
  std::string bytes;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto c = static_cast<unsigned char>(utf8[i]);
    bytes += c < 0x80 ? utf8[i] : static_cast<char>((c << 6) | (utf8[++i] & 0x3f));
  }
  return bytes;
}

void replace_all(std::string& text, std::string_view token, const std::string& by) {
  for (std::size_t at = text.find(token); at != std::string::npos; at = text.find(token, at)) {
    text.replace(at, token.size(), by);
    at += by.size();
  }
}

struct Case {
  std::string name, category, raw, conn_after;
  std::set<int> allowed;  // of the first answer; the preferred ones if there are any
  std::vector<std::vector<int>> sequences;  // of all answers
  bool may_close = false;                   // without an answer
};

std::vector<int> codes(const boost::json::value& list) {
  std::vector<int> numbers;
  for (const auto& entry : list.as_array()) {
    if (entry.is_int64()) numbers.push_back(static_cast<int>(entry.as_int64()));
  }
  return numbers;
}

Case read_case(const std::string& line) {
  const auto object = boost::json::parse(line).as_object();
  auto text = [&](const char* key) {
    return object.contains(key) ? std::string(object.at(key).as_string()) : std::string();
  };
  Case result;
  result.name = text("name");
  result.category = text("category");
  result.raw = bytes_of(text("raw_request_escaped"));
  result.conn_after = text("conn_after");
  if (object.contains("expand")) {
    for (const auto& [token, how] : object.at("expand").as_object()) {
      const bool counted = how.as_object().contains("counter");
      const auto& parts = how.as_object().at(counted ? "counter" : "repeat").as_array();
      const std::string piece = bytes_of(parts.at(0).as_string());
      std::string all;
      for (std::int64_t i = 0; i < parts.at(1).as_int64(); ++i) {
        std::string one = piece;
        if (counted) replace_all(one, "%d", std::to_string(i));
        all += one;
      }
      replace_all(result.raw, token, all);
    }
  }
  const auto& expected = object.at(object.contains("prefer") ? "prefer" : "expect");
  for (int code : codes(expected)) result.allowed.insert(code);
  for (const auto& entry : expected.as_array()) result.may_close |= entry.is_string();
  if (object.contains("expect_sequence")) {
    for (const auto& entry : object.at("expect_sequence").as_array()) {
      result.sequences.push_back(codes(entry));
    }
  }
  return result;
}

std::vector<Case> read_corpus() {
  std::ifstream file(BRIGADE_SOURCE_DIR "/tests/conformance/http_cases.jsonl");
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) cases.push_back(read_case(line));
  }
  return cases;
}

Connection play(const std::string& raw, test::Cut cut) {
  Connection connection;
  std::size_t played = 0;
  for (std::size_t arrived : test::arrivals(raw, cut)) {
    connection.read(std::string_view(raw).substr(played, arrived - played));
    played = arrived;
    if (connection.closed) break;
  }
  return connection;
}

bool about_framing(const Case& c) {
  static const std::set<std::string> categories = {
      "control", "smuggling", "content-length", "chunked", "headers", "start-line", "connection"};
  return categories.contains(c.category);
}

/// Codes that a parser may answer by itself. A case that allows another one allows acceptance.
bool is_parser_code(int code) {
  static const std::set<int> codes = {400, 408, 413, 414, 417, 431, 501, 505};
  return codes.contains(code);
}

class Corpus : public testing::Test {
 protected:
  static const std::vector<Case>& cases() {
    static const std::vector<Case> all = read_corpus();
    return all;
  }
};

TEST_F(Corpus, IsThere) {
  EXPECT_GE(cases().size(), 230U);
}

TEST_F(Corpus, ReadsTheSameHoweverItIsCut) {
  for (const Case& c : cases()) {
    const Connection whole = play(c.raw, test::Cut::whole);
    for (test::Cut cut : {test::Cut::bytes, test::Cut::lines}) {
      const Connection other = play(c.raw, cut);
      EXPECT_TRUE(whole.messages == other.messages) << c.name << " cut " << static_cast<int>(cut);
      EXPECT_EQ(whole.closed, other.closed) << c.name;
    }
  }
}

TEST_F(Corpus, ReadsTheSameHoweverItIsCutAlsoWhenDamaged) {
  std::minstd_rand random(1);
  static constexpr std::string_view bytes = "\r\n\0\t :;,%/?*#\"\\[]0a\x7f\xff"sv;
  for (const Case& c : cases()) {
    if (c.raw.empty() || c.raw.size() > 500) continue;
    for (int round = 0; round < 20; ++round) {
      std::string raw = c.raw;
      const std::size_t place = random() % raw.size();
      const char byte = bytes[random() % bytes.size()];
      switch (random() % 3) {
        case 0:
          raw[place] = byte;
          break;
        case 1:
          raw.insert(place, 1, byte);
          break;
        default:
          raw.erase(place, 1 + random() % 3);
      }
      const Connection whole = play(raw, test::Cut::whole);
      for (test::Cut cut : {test::Cut::bytes, test::Cut::lines}) {
        EXPECT_TRUE(whole.messages == play(raw, cut).messages) << testing::PrintToString(raw);
      }
    }
  }
}

TEST_F(Corpus, GetsTheAnswersThatItPrefers) {
  for (const Case& c : cases()) {
    if (!about_framing(c)) continue;
    const Connection connection = play(c.raw, test::Cut::whole);
    if (connection.messages.empty()) {
      EXPECT_TRUE(c.may_close || c.allowed.contains(408)) << c.name << " was left waiting";
      continue;
    }
    const int code = connection.messages.front().code;
    if (code == 0) {
      EXPECT_FALSE(std::ranges::all_of(c.allowed, is_parser_code)) << c.name << " was accepted";
    } else {
      EXPECT_TRUE(c.allowed.contains(code)) << c.name << " was refused with " << code;
    }
  }
}

TEST_F(Corpus, GetsAsManyAnswersAsItExpects) {
  for (const Case& c : cases()) {
    if (!about_framing(c) || c.sequences.empty()) continue;
    std::vector<int> answers;
    for (const auto& message : play(c.raw, test::Cut::whole).messages) {
      answers.push_back(message.code == 0 ? 200 : message.code);
    }
    EXPECT_TRUE(std::ranges::find(c.sequences, answers) != c.sequences.end()) << c.name;
  }
}

TEST_F(Corpus, ClosesAndKeepsConnectionsAsItSays) {
  for (const Case& c : cases()) {
    if (!about_framing(c)) continue;
    const Connection connection = play(c.raw, test::Cut::whole);
    if (c.conn_after == "open") {
      EXPECT_FALSE(connection.closed) << c.name;
    }
    if (c.conn_after == "closed" && !connection.messages.empty()) {
      EXPECT_TRUE(connection.closed) << c.name;
    }
  }
}

TEST_F(Corpus, SmugglesNothing) {
  for (const Case& c : cases()) {
    if (c.category != "smuggling" && c.category != "chunked") continue;
    if (!c.sequences.empty()) continue;
    for (const auto& message : play(c.raw, test::Cut::whole).messages) {
      EXPECT_FALSE(message.text.starts_with("GET(0) /canary")) << c.name;
    }
  }
}

}  // namespace
}  // namespace brigade::http
