// Which route a request means: a pure decision over method and path, without I/O and without
// allocation (except for a segment with a percent escape longer than 15 bytes).
//
// Patterns:
//   /users          static segments; written raw ("/café") or escaped ("/caf%C3%A9"), it is the
//   same /users/:id      a parameter: one whole segment, at least one byte /files/*path    a
//   wildcard: the rest of the path, slashes included, possibly empty; always last
//
// For each segment, from the left, static beats parameter beats wildcard; a choice that leads
// nowhere for this method is taken back. Case counts. A trailing slash counts: "/users/" is not
// "/users" (RFC 3986 section 6.2.2 makes them different resources), and "/files/*path" matches
// "/files/" but not "/files". Dot segments mean nothing here: whoever maps a path to files removes
// them.
//
// Escapes: the path is split at its raw slashes first, so that "%2F" never splits a segment
// (RFC 3986 section 2.2), and a segment is decoded only to compare it with static segments. A bad
// escape equals no static segment. Parameters are handed out raw; the caller decodes them.
#pragma once

#include <brigade/http/head.hpp>
#include <brigade/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>



namespace brigade::http {

/// A set of methods: bit n stands for the Method of value n.
using MethodSet = std::uint16_t;
constexpr MethodSet method_bit(Method method) {
  return static_cast<MethodSet>(1U << static_cast<unsigned>(method));
}

inline constexpr std::size_t max_route_params = 16;

/// What RouteTree::match found. `pattern` views the tree, parameter values view the path.
class Match {
 public:
  enum class Outcome : std::uint8_t { found, not_found, method_not_allowed };
  struct Param {
    std::string_view name;
    std::string_view value;  // raw: not percent-decoded
  };

  Outcome outcome() const { return outcome_; }
  /// Found only: the index given to add().
  std::uint32_t handler() const { return handler_; }
  /// Found only: the pattern as given to add(), so one label per route in logs and metrics.
  std::string_view pattern() const { return pattern_; }
  /// Method not allowed only: what the path's routes answer (Allow, RFC 9110 section 10.2.1). HEAD
  /// is in it wherever GET is; OPTIONS only where it was added.
  MethodSet allowed() const { return allowed_; }

  /// Parameters in the order of the pattern; none unless found.
  std::size_t param_count() const { return param_count_; }
  Param param(std::size_t index) const;
  std::optional<std::string_view> param(std::string_view name) const;

 private:
  friend class RouteTree;
  friend struct RouteSearch;
  // Offsets rather than views: half the bytes to clear for each request.
  struct Span {
    std::uint32_t begin;
    std::uint32_t length;
  };

  std::string_view path_;
  std::string_view pattern_;
  const std::string* names_ = nullptr;
  std::uint32_t handler_ = 0;
  MethodSet allowed_ = 0;
  Outcome outcome_ = Outcome::not_found;
  std::uint8_t param_count_ = 0;
  std::array<Span, max_route_params> spans_{};
};

/// An open-addressing table from a hash to a number; the owner keeps the keys and compares them.
/// Never more than half full. Keys come from the program's own routes, never from a client, so
/// nobody can grow its probe sequences from outside.
class HashIndex {
 public:
  static constexpr std::uint32_t none = 0xffffffff;

  /// The first number stored under `hash` for which `is_key(number)`, else none.
  template <class IsKey>
  std::uint32_t find(std::uint32_t hash, IsKey is_key) const {
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.number == none) return none;
      if (slot.hash == hash && is_key(slot.number)) return slot.number;
    }
  }
  /// The key must not be there yet.
  void insert(std::uint32_t hash, std::uint32_t number);
  /// How many slots the most expensive lookup of a stored key looks at.
  std::size_t longest_probe() const;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number = none;
  };
  void place(Slot slot);

  std::vector<Slot> slots_ = std::vector<Slot>(8);
  std::size_t mask_ = 7;
  std::size_t used_ = 0;
};

/// Add all routes first, then match: add() is not safe beside match() on another thread; match()
/// is.
class RouteTree {
 public:
  /// Fails, and changes nothing, when the pattern is invalid or the same route is there already
  /// (also with other parameter names).
  Result<void> add(Method method, std::string_view pattern, std::uint32_t handler_index);

  /// Cost: a path that is a static route takes one hash lookup; any other one lookup more for each
  /// segment, however many routes there are. `path` is as in the request target, without the query.
  void match(Method method, std::string_view path, Match& out) const;

  /// The slots that the most expensive lookup of a known segment or static path looks at.
  std::size_t longest_probe() const;

 private:
  friend struct RouteSearch;
  static constexpr std::uint32_t none = HashIndex::none;

  struct Route {
    std::string pattern;
    std::vector<std::string> names;
    std::uint32_t handler;
  };
  // The routes that end at one place of the tree, by method.
  struct Leaf {
    Leaf() { routes.fill(none); }
    std::array<std::uint32_t, method_count> routes;
    MethodSet allowed = 0;
  };
  struct Node {
    std::string segment;  // decoded; empty for the root and for parameters
    std::uint32_t parent = none;
    std::uint32_t parameter = none;      // child node
    std::uint32_t leaf = none;           // routes that end here
    std::uint32_t wildcard_leaf = none;  // routes that take the rest from here
    bool has_static = false;
  };
  struct StaticPath {
    std::string path;
    std::uint32_t leaf;
  };

  struct Piece;
  struct Pattern;
  static Result<Pattern> parse(std::string_view pattern);

  std::uint32_t static_child(std::uint32_t parent, std::string_view segment) const;
  std::uint32_t grow(std::uint32_t parent, const Piece& piece);
  std::uint32_t& leaf_slot(const Pattern& pattern);
  void take(const Leaf& leaf, Method method, std::string_view path, Match& out) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);  // [0] is the root
  std::vector<Leaf> leaves_;
  std::vector<std::unique_ptr<const Route>> routes_;  // matches view them, so they stay put
  HashIndex edges_;                                   // (parent, segment) -> child node
  // Whole paths without parameters, unless a decoded segment holds '/' or '%': those a raw path
  // could be confused with, so they are found by the tree only.
  std::vector<StaticPath> static_paths_;
  HashIndex static_index_;
  std::size_t longest_static_ = 0;
};

}  // namespace brigade::http
