#include "http/route_tree.hpp"

#include <brigade/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/percent.hpp"

namespace brigade::http {
namespace {

std::uint64_t mix(std::uint64_t value) {
  value *= 0x9e3779b97f4a7c15;
  return value ^ (value >> 32);
}

template <class Word>
std::uint64_t load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Both sides have `size` bytes. Paths and segments are short: a call of memcmp would cost more.
bool same_bytes(const char* a, const char* b, std::size_t size) {
  if (size >= 8) {
    std::size_t at = 0;
    for (; at + 8 < size; at += 8) {
      if (load<std::uint64_t>(a + at) != load<std::uint64_t>(b + at)) return false;
    }
    return load<std::uint64_t>(a + size - 8) == load<std::uint64_t>(b + size - 8);
  }
  if (size >= 4) {
    return load<std::uint32_t>(a) == load<std::uint32_t>(b) &&
           load<std::uint32_t>(a + size - 4) == load<std::uint32_t>(b + size - 4);
  }
  for (std::size_t at = 0; at < size; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && same_bytes(a.data(), b.data(), a.size());
}

// Not keyed, see HashIndex. The seed tells equal segments under different parents apart.
std::uint32_t hash_of(std::string_view text, std::uint64_t seed) {
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = mix(seed + left);
  for (; left > 8; at += 8, left -= 8) hash = mix(hash ^ load<std::uint64_t>(at));
  if (left >= 4) {
    // Two loads that may overlap read any 4 to 8 bytes.
    hash ^= load<std::uint32_t>(at) | load<std::uint32_t>(at + left - 4) << 32;
  } else if (left > 0) {
    hash ^= load<std::uint8_t>(at) | load<std::uint8_t>(at + left / 2) << 8 |
            load<std::uint8_t>(at + left - 1) << 16;
  }
  return static_cast<std::uint32_t>(mix(mix(hash)));
}

constexpr std::uint64_t whole_path_seed = 0x5bd1e995;

bool is_name_byte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '_';
}

Error invalid(std::string_view pattern, std::string_view reason) {
  return Error(fmt::format("route \"{}\": {}", log::escape(pattern), reason));
}

}  // namespace

// ---- Match ----

Match::Param Match::param(std::size_t index) const {
  const Span span = spans_[index];
  return {names_[index], path_.substr(span.begin, span.length)};
}

std::optional<std::string_view> Match::param(std::string_view name) const {
  for (std::size_t i = 0; i < param_count_; ++i) {
    if (names_[i] == name) return param(i).value;
  }
  return std::nullopt;
}

// ---- HashIndex ----

void HashIndex::place(Slot slot) {
  std::size_t at = slot.hash & mask_;
  while (slots_[at].number != none) at = (at + 1) & mask_;
  slots_[at] = slot;
}

void HashIndex::insert(std::uint32_t hash, std::uint32_t number) {
  if ((used_ + 1) * 2 > slots_.size()) {
    const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.number != none) place(slot);
    }
  }
  place({hash, number});
  ++used_;
}

std::size_t HashIndex::longest_probe() const {
  std::size_t longest = 0;
  for (std::size_t at = 0; at < slots_.size(); ++at) {
    if (slots_[at].number == none) continue;
    longest = std::max(longest, ((at - slots_[at].hash) & mask_) + 1);
  }
  return longest;
}

// ---- Patterns ----

struct RouteTree::Piece {
  enum class Kind { literal, parameter, wildcard };
  Kind kind;
  std::string text;  // a literal, decoded, or a name
};

struct RouteTree::Pattern {
  std::vector<Piece> pieces;
  std::vector<std::string> names;
};

Result<RouteTree::Pattern> RouteTree::parse(std::string_view pattern) {
  if (!pattern.starts_with('/')) return invalid(pattern, "must begin with '/'");
  Pattern parsed;
  std::size_t begin = 1;
  while (begin <= pattern.size()) {
    const std::size_t end = std::min(pattern.find('/', begin), pattern.size());
    const std::string_view segment = pattern.substr(begin, end - begin);
    begin = end + 1;

    const char first = segment.empty() ? '\0' : segment.front();
    if (first != ':' && first != '*') {
      std::string literal;
      if (!percent_decode(segment, literal)) return invalid(pattern, "bad percent escape");
      for (char byte : segment) {
        // Neither can be part of a path (RFC 9112 section 3.2.1), so the route would never match.
        if (byte == '?' || byte == '#') return invalid(pattern, "'?' and '#' end a path");
        if (static_cast<unsigned char>(byte) <= ' ' || byte == '\x7f') {
          return invalid(pattern, "spaces and control characters must be escaped (%20)");
        }
        if (byte == '*') return invalid(pattern, "'*' must begin a segment (%2A is a plain one)");
      }
      parsed.pieces.push_back({Piece::Kind::literal, std::move(literal)});
      continue;
    }

    std::string name(segment.substr(1));
    if (name.empty()) return invalid(pattern, fmt::format("a name must follow '{}'", first));
    if (!std::ranges::all_of(name, is_name_byte)) {
      // Refused rather than taken as a name: "/:file.json" surely means something else.
      return invalid(pattern, fmt::format("\"{}\" is not a name of letters, digits and '_'",
                                          log::escape(name)));
    }
    if (std::ranges::find(parsed.names, name) != parsed.names.end()) {
      return invalid(pattern, fmt::format("two parameters are called \"{}\"", name));
    }
    if (parsed.names.size() == max_route_params) {
      return invalid(pattern, fmt::format("more than {} parameters", max_route_params));
    }
    if (first == '*' && end != pattern.size()) {
      return invalid(pattern, fmt::format("the wildcard \"*{}\" must be the last segment", name));
    }
    parsed.names.push_back(name);
    parsed.pieces.push_back(
        {first == '*' ? Piece::Kind::wildcard : Piece::Kind::parameter, std::move(name)});
  }
  return parsed;
}

// ---- The tree ----

std::uint32_t RouteTree::static_child(std::uint32_t parent, std::string_view segment) const {
  return edges_.find(hash_of(segment, parent), [&](std::uint32_t child) {
    const Node& node = nodes_[child];
    return node.parent == parent && same(node.segment, segment);
  });
}

std::uint32_t RouteTree::grow(std::uint32_t parent, const Piece& piece) {
  const bool literal = piece.kind == Piece::Kind::literal;
  const std::uint32_t found = literal ? static_child(parent, piece.text) : nodes_[parent].parameter;
  if (found != none) return found;

  const auto child = static_cast<std::uint32_t>(nodes_.size());
  Node& node = nodes_.emplace_back();
  node.parent = parent;
  if (literal) {
    node.segment = piece.text;
    nodes_[parent].has_static = true;
    edges_.insert(hash_of(piece.text, parent), child);
  } else {
    nodes_[parent].parameter = child;
  }
  return child;
}

std::uint32_t& RouteTree::leaf_slot(const Pattern& pattern) {
  std::uint32_t at = 0;
  for (const Piece& piece : pattern.pieces) {
    if (piece.kind == Piece::Kind::wildcard) return nodes_[at].wildcard_leaf;
    at = grow(at, piece);
  }
  return nodes_[at].leaf;
}

Result<void> RouteTree::add(Method method, std::string_view pattern, std::uint32_t handler_index) {
  Result<Pattern> parsed = parse(pattern);
  if (!parsed) return parsed.error();

  // A route that is there already has all its nodes, so nothing grows before the refusal below.
  std::uint32_t& slot = leaf_slot(*parsed);
  const bool fresh = slot == none;
  if (fresh) {
    slot = static_cast<std::uint32_t>(leaves_.size());
    leaves_.emplace_back();
  }
  Leaf& leaf = leaves_[slot];
  std::uint32_t& route = leaf.routes[static_cast<std::size_t>(method)];
  if (route != none) {
    const std::string other = log::escape(routes_[route]->pattern);
    return invalid(pattern, fmt::format("already added for this method, as \"{}\"", other));
  }
  route = static_cast<std::uint32_t>(routes_.size());
  leaf.allowed |= method_bit(method);
  if (method == Method::get) leaf.allowed |= method_bit(Method::head);

  if (fresh && parsed->names.empty()) {
    std::string path;
    bool plain = true;
    for (const Piece& piece : parsed->pieces) {
      plain = plain && piece.text.find_first_of("/%") == std::string::npos;
      path += '/';
      path += piece.text;
    }
    if (plain) {
      longest_static_ = std::max(longest_static_, path.size());
      static_index_.insert(hash_of(path, whole_path_seed),
                           static_cast<std::uint32_t>(static_paths_.size()));
      static_paths_.push_back({std::move(path), slot});
    }
  }
  routes_.push_back(std::make_unique<Route>(
      Route{std::string(pattern), std::move(parsed->names), handler_index}));
  return {};
}

std::size_t RouteTree::longest_probe() const {
  return std::max(edges_.longest_probe(), static_index_.longest_probe());
}

// ---- Matching ----

// One search through the tree. Each node is visited at most once, as only one way leads to it; the
// depth of the recursion is that of the deepest pattern, whatever the path.
struct RouteSearch {
  const RouteTree& tree;
  const Method method;
  const std::string_view path;
  const bool escaped;  // there is a '%' somewhere in the path
  Match& out;

  bool accept(std::uint32_t leaf_index) {
    const RouteTree::Leaf& leaf = tree.leaves_[leaf_index];
    out.allowed_ |= leaf.allowed;
    if ((leaf.allowed & method_bit(method)) == 0) return false;
    tree.take(leaf, method, path, out);
    return true;
  }

  void bind(std::size_t begin, std::size_t end) {
    out.spans_[out.param_count_++] = {static_cast<std::uint32_t>(begin),
                                      static_cast<std::uint32_t>(end - begin)};
  }

  // `begin` is where the segment after `node` begins.
  bool descend(std::uint32_t index, std::size_t begin) {
    const RouteTree::Node& node = tree.nodes_[index];
    if (node.has_static || node.parameter != RouteTree::none) {
      // memchr, unlike a loop, costs next to nothing for the kilobytes a client may send.
      const auto* slash =
          static_cast<const char*>(std::memchr(path.data() + begin, '/', path.size() - begin));
      const std::size_t end = slash ? static_cast<std::size_t>(slash - path.data()) : path.size();
      const std::string_view segment = path.substr(begin, end - begin);
      if (node.has_static) {
        const std::uint32_t child = static_child(index, segment);
        if (child != RouteTree::none && enter(child, end)) return true;
      }
      if (node.parameter != RouteTree::none && !segment.empty()) {
        bind(begin, end);
        if (enter(node.parameter, end)) return true;
        --out.param_count_;
      }
    }
    if (node.wildcard_leaf != RouteTree::none) {
      bind(begin, path.size());
      if (accept(node.wildcard_leaf)) return true;
      --out.param_count_;
    }
    return false;
  }

 private:
  bool enter(std::uint32_t child, std::size_t end) {
    if (end < path.size()) return descend(child, end + 1);
    const std::uint32_t leaf = tree.nodes_[child].leaf;
    return leaf != RouteTree::none && accept(leaf);
  }

  std::uint32_t static_child(std::uint32_t parent, std::string_view segment) const {
    if (!escaped || segment.find('%') == std::string_view::npos) {
      return tree.static_child(parent, segment);
    }
    std::string decoded;
    if (!percent_decode(segment, decoded)) return RouteTree::none;
    return tree.static_child(parent, decoded);
  }
};

void RouteTree::take(const Leaf& leaf, Method method, std::string_view path, Match& out) const {
  std::uint32_t index = leaf.routes[static_cast<std::size_t>(method)];
  // HEAD is GET without the body (RFC 9110 section 9.3.2).
  if (index == none) index = leaf.routes[static_cast<std::size_t>(Method::get)];
  const Route& route = *routes_[index];
  out.path_ = path;
  out.pattern_ = route.pattern;
  out.names_ = route.names.data();
  out.handler_ = route.handler;
  out.allowed_ = 0;
  out.outcome_ = Match::Outcome::found;
}

void RouteTree::match(Method method, std::string_view path, Match& out) const {
  out.param_count_ = 0;
  out.allowed_ = 0;
  if (path.size() <= longest_static_) {
    const std::uint32_t found = static_index_.find(
        hash_of(path, whole_path_seed),
        [&](std::uint32_t number) { return same(static_paths_[number].path, path); });
    if (found != HashIndex::none) {
      const Leaf& leaf = leaves_[static_paths_[found].leaf];
      if ((leaf.allowed & method_bit(method)) != 0) return take(leaf, method, path, out);
    }
  }
  // Also when the static route lacks the method: a parameter route may answer, or allow more.
  if (path.starts_with('/')) {
    const bool escaped = path.find('%') != std::string_view::npos;
    if (RouteSearch{*this, method, path, escaped, out}.descend(0, 1)) return;
  }
  out.pattern_ = {};
  out.outcome_ = out.allowed_ == 0 ? Match::Outcome::not_found : Match::Outcome::method_not_allowed;
}

}  // namespace brigade::http
