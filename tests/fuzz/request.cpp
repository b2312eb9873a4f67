// The head parser: the outcome does not depend on how bytes are cut, and a head that it lets pass
// keeps the promises that the server relies on.
#include <brigade/http/form.hpp>

#include <algorithm>
#include <memory>

#include "fuzz.hpp"
#include "http/authority.hpp"
#include "http/parser.hpp"
#include "http/route_tree.hpp"
#include "unit/http/describe_head.hpp"

using namespace brigade::http;
using fuzz::demand;

namespace {

constexpr Limits limits{.request_line = 256, .fields = 1024, .field_count = 20};

std::string told(const HeadParser::Outcome& outcome, const RequestHead& head) {
  const bool complete = outcome.status == HeadParser::Status::complete;
  return std::to_string(static_cast<int>(outcome.status)) + ' ' + std::to_string(outcome.code) +
         ' ' + std::to_string(outcome.consumed) + ' ' + outcome.reason +
         (complete ? test::describe(head) : "");
}

void check(const RequestHead& head, std::string_view input, std::size_t consumed) {
  demand(consumed <= input.size() && consumed > 0, "a head is part of its input");
  demand(!(head.chunked && head.has_content_length), "one framing");
  demand(!head.path.empty(), "a path");
  demand(head.path.front() == '/' || head.path == "*", "a path begins with a slash, or is a star");
  demand(head.host.empty() || is_authority(head.host), "a host that is one");
  demand(head.fields.size() <= limits.field_count, "not more fields than allowed");
  for (const Field& field : head.fields) {
    const auto control = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
    demand(!field.name.empty(), "a field name");
    demand(std::none_of(field.value.begin(), field.value.end(), control), "no line end in a value");
  }
  demand(std::none_of(head.target.begin(), head.target.end(),
                      [](char c) { return static_cast<unsigned char>(c) <= ' '; }),
         "no blank in a target");
}

}  // namespace

std::vector<std::string> fuzz::seeds(const std::vector<std::string>& requests) {
  return requests;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  RequestHead head;
  HeadParser parser(limits);
  const auto whole = parser.parse(input, head);
  const std::string expected = told(whole, head);
  if (whole.status == HeadParser::Status::complete) check(head, input, whole.consumed);

  HeadParser piecewise(limits);
  RequestHead other;
  HeadParser::Outcome outcome{.status = HeadParser::Status::incomplete};
  fuzz::Cuts cuts(input);
  std::unique_ptr<char[]> place;
  for (std::size_t arrived = 0; arrived < size;) {
    arrived += cuts.next(size - arrived);
    // Elsewhere each time, and no byte longer: stale views and reads past the end show.
    std::unique_ptr<char[]> moved(new char[arrived]);
    input.copy(moved.get(), arrived);
    outcome = piecewise.parse({moved.get(), arrived}, other);
    place = std::move(moved);
    if (outcome.status != HeadParser::Status::incomplete) break;
  }
  if (size > 0) demand(told(outcome, other) == expected, "the same however it is cut");
  return 0;
}
