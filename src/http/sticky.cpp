#include <brigade/http/request.hpp>
#include <brigade/http/sticky.hpp>

#include <string_view>
#include <utility>

namespace brigade::http {
namespace {

// RFC 6265 section 4.2.1: name=value, with "; " between them.
std::string cookie_in(std::string_view pairs, std::string_view name) {
  while (!pairs.empty()) {
    const std::string_view pair = pairs.substr(0, pairs.find(';'));
    pairs.remove_prefix(std::min(pairs.size(), pair.size() + 1));
    const std::size_t begin = std::min(pair.find_first_not_of(' '), pair.size());
    const std::string_view trimmed = pair.substr(begin);
    if (trimmed.size() > name.size() && trimmed.starts_with(name) && trimmed[name.size()] == '=')
      return std::string(trimmed.substr(name.size() + 1));
  }
  return {};
}

}  // namespace

StickyKey by_cookie(std::string name) {
  return [name = std::move(name)](const Request& request) {
    const auto pairs = request.header("Cookie");
    return pairs ? cookie_in(*pairs, name) : std::string();
  };
}

StickyKey by_client_address() {
  return [](const Request& request) {
    const std::string address = request.remote_address();
    return address.substr(0, address.rfind(':'));
  };
}

}  // namespace brigade::http
