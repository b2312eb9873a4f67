#include "http/forwarded.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "http/authority.hpp"
#include "http/chars.hpp"

namespace brigade::http::detail {
namespace {

// More hops than any real chain has; what lies behind is not looked at.
constexpr std::size_t most_entries = 64;

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// All entries of all fields of that name as one list (RFC 9110 5.3), the newest first.
std::vector<std::string_view> entries_from_the_right(const RequestHead& head,
                                                     std::string_view name) {
  std::vector<std::string_view> out;
  for (auto field = head.fields.rbegin(); field != head.fields.rend(); ++field) {
    if (!equal_ignoring_case(field->name, name)) continue;
    std::string_view rest = field->value;
    while (out.size() < most_entries) {
      const std::size_t comma = rest.rfind(',');
      const bool last = comma == std::string_view::npos;
      out.push_back(trimmed(last ? rest : rest.substr(comma + 1)));
      if (last) break;
      rest = rest.substr(0, comma);
    }
  }
  return out;
}

/// What the proxy wrote that wrote the `hops`-th entry of X-Forwarded-For; proxies that replace
/// instead of adding leave fewer.
std::string_view entry_of_hop(const std::vector<std::string_view>& entries, std::size_t hops) {
  if (entries.empty()) return {};
  return entries[std::min(std::max<std::size_t>(hops, 1), entries.size()) - 1];
}

// forwarded-element = [ pair ] *( ";" [ pair ] ), pair = token "=" ( token / quoted-string )
struct Element {
  std::string node;  // for=
  std::string proto;
  std::string host;
};

class ForwardedReader {
 public:
  explicit ForwardedReader(std::string_view text) : p_(text.data()), end_(p_ + text.size()) {}

  /// False for anything that the grammar does not allow, a parameter named twice included.
  bool read(std::vector<Element>& out) {
    while (true) {
      Element element;
      if (!read_element(element)) return false;
      out.push_back(std::move(element));
      if (p_ == end_) return true;
      ++p_;  // the comma
    }
  }

 private:
  bool read_element(Element& element) {
    while (true) {
      skip_blanks();
      if (p_ != end_ && *p_ != ';' && *p_ != ',' && !read_pair(element)) return false;
      skip_blanks();
      if (p_ == end_ || *p_ == ',') return true;
      if (*p_ != ';') return false;
      ++p_;
    }
  }
  bool read_pair(Element& element) {
    const std::string_view name = token();
    if (name.empty() || p_ == end_ || *p_ != '=') return false;
    ++p_;
    std::string value;
    if (p_ != end_ && *p_ == '"') {
      if (!quoted(value)) return false;
    } else {
      value = token();
      if (value.empty()) return false;
    }
    std::string* const place = equal_ignoring_case(name, "for")     ? &element.node
                               : equal_ignoring_case(name, "proto") ? &element.proto
                               : equal_ignoring_case(name, "host")  ? &element.host
                                                                    : nullptr;
    if (!place) return true;  // "by" and extensions
    if (!place->empty()) return false;
    *place = std::move(value);
    return true;
  }
  std::string_view token() {
    const char* const first = p_;
    p_ = chars::skip(chars::token, p_, end_);
    return {first, static_cast<std::size_t>(p_ - first)};
  }
  bool quoted(std::string& value) {
    for (++p_; p_ != end_; ++p_) {
      if (*p_ == '"') {
        ++p_;
        return true;
      }
      if (*p_ == '\\' && ++p_ == end_) return false;
      value += *p_;
    }
    return false;
  }
  void skip_blanks() {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\t')) ++p_;
  }

  const char* p_;
  const char* end_;
};

}  // namespace

Forwarding::Forwarding(const TrustedProxies& settings)
    : fields_(settings.fields), trust_host_(settings.host) {
  auto proxies = Networks::parse(settings.addresses);
  if (!proxies) throw std::invalid_argument(proxies.error().message());
  proxies_ = std::move(*proxies);
}

Origin Forwarding::resolve(const RequestHead& head, const PeerAddress& peer) const {
  Origin origin;
  origin.client = peer;
  if (!proxies_.contains(peer)) return origin;
  return fields_ == ForwardedFields::forwarded ? from_forwarded(head, std::move(origin))
                                               : from_x_forwarded(head, std::move(origin));
}

Origin Forwarding::from_x_forwarded(const RequestHead& head, Origin origin) const {
  std::size_t hops = 0;
  for (const std::string_view entry : entries_from_the_right(head, "X-Forwarded-For")) {
    const auto address = PeerAddress::parse_node(entry);
    if (!address) break;  // "unknown", or worse: the last proxy is all we know
    origin.client = *address;
    ++hops;
    if (!proxies_.contains(*address)) break;
  }
  take(origin, entry_of_hop(entries_from_the_right(head, "X-Forwarded-Proto"), hops),
       entry_of_hop(entries_from_the_right(head, "X-Forwarded-Host"), hops));
  return origin;
}

Origin Forwarding::from_forwarded(const RequestHead& head, Origin origin) const {
  std::vector<Element> elements;
  for (const Field& field : head.fields) {
    if (!equal_ignoring_case(field.name, "Forwarded")) continue;
    // One malformed line makes the boundaries of the whole list doubtful.
    if (!ForwardedReader(field.value).read(elements)) return origin;
  }
  const Element* outermost = nullptr;
  for (auto element = elements.rbegin(); element != elements.rend(); ++element) {
    outermost = &*element;
    const auto address = PeerAddress::parse_node(element->node);
    if (!address) break;  // "unknown", or an obfuscated name
    origin.client = *address;
    if (!proxies_.contains(*address)) break;
  }
  if (outermost) take(origin, outermost->proto, outermost->host);
  return origin;
}

void Forwarding::take(Origin& origin, std::string_view proto, std::string_view host) const {
  origin.https = equal_ignoring_case(proto, "https");
  if (trust_host_ && is_authority(host)) origin.host = std::string(host);
}

}  // namespace brigade::http::detail
