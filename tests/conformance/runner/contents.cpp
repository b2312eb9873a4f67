// What the answers say.
#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <regex>

#include "runner/play.hpp"

namespace conformance {
namespace {

bool has_list(const std::string& head, std::string_view name) {
  return lower(head).find("\r\n" + std::string(name) + ":") != std::string::npos;
}

// The value of the one field of that name in a request's head.
std::optional<std::string> only_field(const std::string& head, std::string_view name) {
  const std::string key = "\r\n" + std::string(name) + ":";
  const std::string small = lower(head);
  const std::size_t at = small.find(key);
  if (at == std::string::npos || small.find(key, at + 1) != std::string::npos) return std::nullopt;
  const std::size_t begin = small.find_first_not_of(" \t", at + key.size());
  const std::size_t end = small.find("\r\n", at + key.size());
  std::string value = begin < end ? small.substr(begin, end - begin) : std::string();
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.pop_back();
  return value;
}

std::optional<std::string> chunked_body(std::string_view rest) {
  std::string out;
  while (true) {
    const std::size_t line = rest.find("\r\n");
    if (line == std::string_view::npos) return std::nullopt;
    std::size_t size = 0;
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + line, size, 16);
    if (error != std::errc()) return std::nullopt;
    if (size == 0) return out;
    rest.remove_prefix(line + 2);
    if (rest.size() < size + 2) return std::nullopt;
    out += rest.substr(0, size);
    rest.remove_prefix(size + 2);
  }
}

// The body of the first request, or nothing where its framing is open to argument.
std::optional<std::string> body_of(const std::string& request) {
  const std::size_t end = request.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  const std::string head = request.substr(0, end + 2);
  const std::string_view rest = std::string_view(request).substr(end + 4);
  const auto coding = only_field(head, "transfer-encoding");
  const auto length = only_field(head, "content-length");
  if (has_list(head, "transfer-encoding")) {
    return coding == "chunked" ? chunked_body(rest) : std::nullopt;
  }
  if (!has_list(head, "content-length")) return std::string();
  if (!length || length->empty() || length->find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::string(rest.substr(0, std::stoull(*length)));
}

void check_echo(Run& run, const Answer& answer) {
  const RequestLine line = request_line(run.of->request);
  if (line.target != "/echo" || line.method != "POST" || answer.status != 200) return;
  const auto want = body_of(run.of->request);
  if (want && answer.body != *want) {
    run.fail(fmt::format("echoed \"{}\" for \"{}\"", show(answer.body), show(*want)));
  }
}

// RFC 9110 section 5.6.7.
void check_date(Run& run, const Answer& answer) {
  static const std::regex form(
      "(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] "
      "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} "
      "[0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT");
  const std::string* date = answer.field("date");
  if (!date || !std::regex_match(*date, form)) run.fail("missing or malformed Date");
}

void check_fields(Run& run, const Answer& answer) {
  const Case& of = *run.of;
  if (answer.field("x-injected")) run.fail("the answer has a field X-Injected");
  if (answer.status == 405 && !answer.field("allow")) run.fail("405 without Allow");
  if (of.forbids("client address reported") && answer.status == 200 &&
      request_line(of.request).target == "/whoami" &&
      answer.body.find("127.0.0.2") == std::string::npos) {
    run.fail("the address in a forwarding header is believed: " + show(answer.body));
  }
  if (of.forbids("'evil'") && answer.body.find("evil") != std::string::npos) {
    run.fail("the overridden host is used");
  }
  if (answer.lists("connection", "keep-alive") && !answer.field("content-length") &&
      answer.status != 204 && answer.status != 304) {
    run.fail("Connection: keep-alive without Content-Length");
  }
}

// Answers belong to their requests: where /canary is due, CANARY comes, and nowhere else.
void check_canary(Run& run, const std::deque<Answer>& finals) {
  bool due = false;
  for (const auto& sequence : run.of->sequences)
    due = due || (sequence == run.got && run.got.size() > 1);
  if (!due || run.of->forbids("second request processed")) {
    if (run.canaries > 0) run.fail("the canary was answered");
    return;
  }
  static const std::regex form(R"((GET|HEAD|POST|OPTIONS|PUT|DELETE) (\S+) HTTP/1\.)");
  const std::string& request = run.of->request;
  std::sregex_iterator line(request.begin(), request.end(), form);
  for (std::size_t i = 0; i < run.got.size() && line != std::sregex_iterator(); ++i, ++line) {
    if (((*line)[2] == "/canary") != finals[i].is_canary()) run.fail("answers out of order");
  }
}

}  // namespace

void check_contents(Run& run, const Wire& wire) {
  const AnswerStream& answers = wire.answers;
  for (const auto* list : {&answers.finals, &answers.interims}) {
    for (const Answer& answer : *list) {
      if (!answer.problem.empty()) run.fail(answer.problem);
    }
  }
  for (const Answer& answer : answers.finals) {
    run.canaries += answer.is_canary() ? 1 : 0;
    check_date(run, answer);
    check_fields(run, answer);
  }
  bool interim_asked = false;
  for (const Step& step : run.of->steps) {
    for (const int status : step.statuses)
      interim_asked = interim_asked || (status >= 100 && status < 200);
  }
  if (!answers.interims.empty() && !interim_asked)
    run.fail("an interim answer where none may come");
  if (!answers.finals.empty() && answers.finals.front().complete)
    check_echo(run, answers.finals.front());
  check_canary(run, answers.finals);
}

}  // namespace conformance
