// The bytes that a server sends, as HTTP/1.1 answers (RFC 9112 sections 4 to 7). Strict: what is
// not to the letter is `junk`, as a proxy in front of the server would see it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conformance {

struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  std::string body;
  bool complete = false;
  std::string problem;  // framing that is readable but forbidden

  const std::string* field(std::string_view name) const;
  /// One of the comma-separated elements of that field, compared in lower case.
  bool lists(std::string_view name, std::string_view element) const;
  bool is_canary() const { return status == 200 && body.find("CANARY") != std::string::npos; }
};

/// Feed what arrives; finals and interims grow. A deque, so that references stay valid.
class AnswerStream {
 public:
  AnswerStream() = default;
  /// `method` and `version` of the first request; all others are taken for GETs.
  AnswerStream(std::string method, bool http10) : method_(std::move(method)), http10_(http10) {}

  void feed(std::string_view bytes);
  /// The peer closed: an answer without a length is whole now, any other is cut short.
  void end();

  std::deque<Answer> finals;
  std::deque<Answer> interims;
  std::string junk;  // what was not HTTP; reading stops there

  /// Final answers that are there in full.
  std::size_t whole() const;

 private:
  enum class State : std::uint8_t { head, length, until_close, size, chunk, trailer };

  bool step();
  bool on_head();
  bool on_size();
  bool on_chunk();
  bool on_trailer();
  void frame(Answer& answer);
  void take_body();
  bool take_line(std::string& line);
  bool finish();
  bool refuse(std::string_view what, std::string_view bytes);

  std::string method_ = "GET";
  bool http10_ = false;
  std::string buffer_;
  std::uint64_t left_ = 0;
  State state_ = State::head;
  Answer* current_ = nullptr;
};

/// Bytes as a line of printable ASCII, cut when there are many.
std::string show(std::string_view bytes);
std::string lower(std::string_view text);

}  // namespace conformance
