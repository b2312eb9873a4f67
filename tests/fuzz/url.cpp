// Paths, queries, percent escapes, hosts.
#include <brigade/http/form.hpp>

#include "fuzz.hpp"
#include "http/authority.hpp"
#include "http/percent.hpp"
#include "http/route_tree.hpp"

using namespace brigade::http;
using fuzz::demand;

namespace {

const RouteTree& routes() {
  static const RouteTree* const tree = [] {
    auto* out = new RouteTree;
    std::uint32_t index = 0;
    for (const char* pattern :
         {"/", "/users", "/users/:id", "/users/:id/notes/:note", "/files/*rest", "/caf%C3%A9",
          "/a/:b/c", "/a/x/*rest", "/:any/end"}) {
      demand(out->add(Method::get, pattern, index++).ok(), "a route is added");
    }
    return out;
  }();
  return *tree;
}

}  // namespace

std::vector<std::string> fuzz::seeds(const std::vector<std::string>& requests) {
  std::vector<std::string> out = {"/users/7/notes/%41", "/files/a/../b", "/caf%c3%a9",
                                  "a=1&b=%20+&c",       "[::1]:80",      "example.org:65535"};
  for (const std::string& request : requests) {
    const std::size_t begin = request.find(' ');
    const std::size_t end = request.find(' ', begin + 1);
    if (end != std::string::npos) out.push_back(request.substr(begin + 1, end - begin - 1));
  }
  return out;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  std::string decoded;
  for (bool plus : {false, true}) {
    const bool ok = percent_decode(input, decoded, plus);
    demand(decoded.size() <= size, "decoding makes nothing longer");
    demand(ok || decoded.empty(), "nothing of what is refused");
    if (!has_escapes(input, plus))
      demand(ok && decoded == input, "without escapes nothing changes");
  }
  auto query = QueryParams::parse(input);
  if (query) demand(query->size() <= QueryParams::max_pairs, "not more pairs than allowed");

  if (is_authority(input)) {
    demand(input.find_first_of("\r\n ,@/?#") == std::string_view::npos, "a host and a port only");
  }
  if (!input.empty() && input.front() == '/') {
    Match match;
    routes().match(Method::get, input, match);
    for (std::size_t index = 0; index < match.param_count(); ++index) {
      const auto value = match.param(index).value;
      demand(value.data() >= input.data() && value.data() + value.size() <= input.data() + size,
             "parameters view the path");
    }
  }
  return 0;
}
