#include "runner/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <regex>

namespace conformance {
namespace {

// RFC 9112 section 4 (the space before an empty phrase must be there) and section 5.
const std::regex status_line(R"(HTTP/1\.[01] ([1-9]\d\d) [\t\x20-\x7e\x80-\xff]*)");
const std::regex field_line(
    R"(([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*)"
    R"(((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*)");
const std::regex chunk_line(R"(([0-9a-fA-F]{1,16})([ \t]*;[^\r\n]*)?)");

std::size_t count_of(const Answer& answer, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(answer.fields.begin(), answer.fields.end(),
                    [name](const auto& field) { return field.first == name; }));
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

std::string show(std::string_view bytes) {
  constexpr std::size_t most = 60;
  std::string out;
  for (const char c : bytes.substr(0, most)) {
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return bytes.size() > most ? out + "..." : out;
}

const std::string* Answer::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool Answer::lists(std::string_view name, std::string_view element) const {
  for (const auto& [key, value] : fields) {
    if (key != name) continue;
    std::string rest = lower(value) + ',';
    for (std::size_t comma = 0; (comma = rest.find(',')) != std::string::npos;) {
      const std::size_t first = rest.find_first_not_of(" \t");
      std::string one = first < comma ? rest.substr(first, comma - first) : std::string();
      while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.pop_back();
      if (one == element) return true;
      rest.erase(0, comma + 1);
    }
  }
  return false;
}

std::size_t AnswerStream::whole() const {
  return static_cast<std::size_t>(std::count_if(
      finals.begin(), finals.end(), [](const Answer& answer) { return answer.complete; }));
}

void AnswerStream::feed(std::string_view bytes) {
  buffer_ += bytes;
  while (junk.empty() && step()) {
  }
}

void AnswerStream::end() {
  if (state_ == State::until_close) finish();
  if (state_ == State::head && !buffer_.empty() && junk.empty()) {
    refuse("ends inside a header section", buffer_);
  }
}

bool AnswerStream::step() {
  switch (state_) {
    case State::head:
      return on_head();
    case State::length:
      take_body();
      return left_ == 0 && finish();
    case State::until_close:
      left_ = buffer_.size();
      take_body();
      return false;
    case State::size:
      return on_size();
    case State::chunk:
      return on_chunk();
    case State::trailer:
      return on_trailer();
  }
  return false;
}

bool AnswerStream::on_head() {
  constexpr std::string_view beginning = "HTTP/1.";
  const std::size_t known = std::min(buffer_.size(), beginning.size());
  if (buffer_.compare(0, known, beginning, 0, known) != 0) return refuse("not HTTP", buffer_);
  if (buffer_.find("\r\n\r\n") == std::string::npos) return false;
  std::string line;
  take_line(line);
  std::smatch parts;
  if (!std::regex_match(line, parts, status_line)) return refuse("malformed status line", line);
  Answer answer;
  answer.status = std::stoi(parts[1]);
  while (take_line(line) && !line.empty()) {
    if (!std::regex_match(line, parts, field_line)) return refuse("malformed field line", line);
    answer.fields.emplace_back(lower(parts[1].str()), parts[2]);
  }
  // No case here may end in a change of protocol, so 101 is a final answer as it stands.
  const bool interim = answer.status < 200 && answer.status != 101;
  auto& list = interim ? interims : finals;
  current_ = &list.emplace_back(std::move(answer));
  frame(*current_);
  return state_ != State::head || finish();
}

// RFC 9112 section 6.3.
void AnswerStream::frame(Answer& answer) {
  const bool interim = &answer != (finals.empty() ? nullptr : &finals.back());
  const std::string method = interim ? "GET" : std::exchange(method_, "GET");
  const std::string* length = answer.field("content-length");
  const bool coded = answer.field("transfer-encoding") != nullptr;
  if (coded && length) answer.problem = "Transfer-Encoding and Content-Length in one answer";
  if (coded && http10_) answer.problem = "Transfer-Encoding sent to an HTTP/1.0 client";
  if ((coded || length) && (answer.status < 200 || answer.status == 204)) {
    answer.problem = fmt::format("Content-Length or Transfer-Encoding in a {}", answer.status);
  }
  if (count_of(answer, "content-length") > 1) answer.problem = "two Content-Lengths";
  if (method == "HEAD" || answer.status < 200 || answer.status == 204 || answer.status == 304)
    return;
  if (coded) {
    state_ = answer.lists("transfer-encoding", "chunked") ? State::size : State::until_close;
    return;
  }
  if (!length) {
    state_ = State::until_close;
    return;
  }
  const char* const end = length->data() + length->size();
  const auto [stop, error] = std::from_chars(length->data(), end, left_);
  if (error != std::errc() || stop != end) answer.problem = "bad Content-Length " + show(*length);
  state_ = State::length;
}

void AnswerStream::take_body() {
  const auto mine = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer_.size()));
  current_->body.append(buffer_, 0, mine);
  buffer_.erase(0, mine);
  left_ -= mine;
}

bool AnswerStream::on_size() {
  std::string line;
  if (!take_line(line)) return false;
  std::smatch parts;
  if (!std::regex_match(line, parts, chunk_line)) return refuse("bad chunk size", line);
  left_ = std::stoull(parts[1], nullptr, 16);
  state_ = left_ == 0 ? State::trailer : State::chunk;
  return true;
}

bool AnswerStream::on_chunk() {
  take_body();
  if (left_ > 0 || buffer_.size() < 2) return false;
  if (!buffer_.starts_with("\r\n")) return refuse("a chunk without CRLF", buffer_);
  buffer_.erase(0, 2);
  state_ = State::size;
  return true;
}

bool AnswerStream::on_trailer() {
  std::string line;
  if (!take_line(line)) return false;
  if (line.empty()) return finish();
  return std::regex_match(line, field_line) || refuse("bad trailer", line);
}

bool AnswerStream::take_line(std::string& line) {
  const std::size_t end = buffer_.find("\r\n");
  if (end == std::string::npos) return false;
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return true;
}

bool AnswerStream::finish() {
  current_->complete = true;
  state_ = State::head;
  return !buffer_.empty();
}

bool AnswerStream::refuse(std::string_view what, std::string_view bytes) {
  junk = fmt::format("{}: {}", what, show(bytes));
  return false;
}

}  // namespace conformance
