// The lines of a head. What single fields mean is in parser_fields.cpp, the target in
// parser_target.cpp.
//
// Invariants:
// - The result depends on the bytes only, not on how they were cut into calls. So every refusal is
//   decided by the bytes up to where it is found, and the limits are kept by not looking at bytes
//   beyond them (`Cursor::stop`), not by counting afterwards what a call happened to bring.
// - No byte is scanned twice, however small the pieces: a call goes on at `at_`, inside the token.
//   (A line end or a percent escape that is cut is looked at again: three bytes at most.)
#include "http/parser.hpp"

#include <algorithm>
#include <cstring>

#include "http/chars.hpp"

namespace brigade::http {

namespace {

/// The compiler makes one or two word comparisons of it.
template <std::size_t N>
bool begins(const char* p, const char (&text)[N]) {
  return std::memcmp(p, text, N - 1) == 0;
}

/// False when the method is not one that we know; its case counts (RFC 9110 9.1).
bool find_method(std::string_view name, Method& method) {
  struct Known {
    std::string_view name;
    Method method;
  };
  static constexpr Known known[method_count] = {
      {"GET", Method::get},         {"HEAD", Method::head},      {"POST", Method::post},
      {"PUT", Method::put},         {"DELETE", Method::delete_}, {"CONNECT", Method::connect},
      {"OPTIONS", Method::options}, {"TRACE", Method::trace},    {"PATCH", Method::patch}};
  for (const Known& candidate : known) {
    if (candidate.name == name) {
      method = candidate.method;
      return true;
    }
  }
  return false;
}

bool blank(char c) {
  return c == ' ' || c == '\t';
}

/// Whether a field name of that size may be one that take_field looks at.
bool is_special_size(std::size_t size) {
  constexpr unsigned sizes = 1U << 4 | 1U << 6 | 1U << 10 | 1U << 14 | 1U << 17;
  return size < 32 && (sizes >> size & 1) != 0;
}

/// How far [p, end) agrees with HTTP-version CRLF (RFC 9112 2.3), ten bytes at most.
std::size_t match_version(const char* p, const char* end) {
  static constexpr std::string_view form = "HTTP/d.d\r\n";
  const std::size_t size = std::min(form.size(), static_cast<std::size_t>(end - p));
  std::size_t i = 0;
  while (i < size && (form[i] == 'd' ? chars::is(chars::digit, p[i]) : p[i] == form[i])) ++i;
  return i;
}

}  // namespace

// The steps are inlined: most run once a request, and as calls they would cost a quarter of a small
// request's parsing.

HeadParser::Outcome HeadParser::parse(std::string_view buffer, RequestHead& head) {
  const char* const base = buffer.data();
  Cursor cursor{base, base + buffer.size(), nullptr, base, {.status = Status::incomplete}};
  if (state_ != State::start) {
    if (base != base_) rebase(base_, base, head);
    cursor.p = base + at_;
  }
  const bool in_request_line = state_ < State::line;
  const bool complete =
      (!in_request_line || request_line(cursor, head)) && field_lines(cursor, head);
  if (complete || cursor.outcome.status == Status::error) {
    state_ = State::start;
  } else {
    base_ = base;
    at_ = cursor.offset();
  }
  return cursor.outcome;
}

/// Ends the call for want of bytes.
bool HeadParser::wait(Cursor& cursor, State state) {
  state_ = state;
  cursor.outcome.status = Status::incomplete;
  return false;
}

[[gnu::always_inline]] inline bool HeadParser::start(Cursor& cursor, RequestHead& head) {
  head.clear();
  query_ = value_ = 0;
  known_method_ = absolute_ = host_seen_ = false;
  coding_seen_ = coding_unknown_ = close_ = stay_ = false;
  // RFC 9112 2.2: old clients send an empty line after a body. One, or it would be a free flood.
  if (cursor.p == cursor.end) return wait(cursor, State::start);
  if (*cursor.p == '\r') {
    if (cursor.end - cursor.p < 2) return wait(cursor, State::start);
    if (cursor.p[1] != '\n') return cursor.refuse(400, "stray CR before the request line");
    cursor.p += 2;
  }
  line_ = cursor.offset();
  state_ = State::method;
  return true;
}

[[gnu::always_inline]] inline bool HeadParser::request_line(Cursor& cursor, RequestHead& head) {
  if (state_ == State::start && !start(cursor, head)) return false;
  cursor.limit(line_, limits_.request_line);
  if (state_ == State::method && !method(cursor, head)) return false;
  if (state_ == State::target && !target(cursor, head)) return false;
  return version(cursor, head);
}

[[gnu::always_inline]] inline bool HeadParser::method(Cursor& cursor, RequestHead& head) {
  const char* const first = cursor.base + line_;
  const char* const end = cursor.stop;
  if (end - first >= 4 && begins(first, "GET ")) {
    cursor.p = first + 3;
    known_method_ = true;  // and head.method is `get` already
  } else {
    cursor.p = chars::skip_token(cursor.p, end);
    if (cursor.p == end) {
      if (cursor.over_limit()) return cursor.refuse(501, "method too long");
      return wait(cursor, State::method);
    }
    if (*cursor.p != ' ' || cursor.p == first) return cursor.refuse(400, "malformed method");
    known_method_ = find_method(cursor.since(line_), head.method);
  }
  head.method_name = cursor.since(line_);
  ++cursor.p;
  token_ = cursor.offset();
  state_ = State::target;
  return true;
}

[[gnu::always_inline]] inline bool HeadParser::target(Cursor& cursor, RequestHead& head) {
  const char* const end = cursor.stop;
  for (;;) {
    cursor.p = chars::skip_target(cursor.p, end);
    if (cursor.p == end) break;
    const char c = *cursor.p;
    if (c == ' ') {
      if (!split_target(cursor, head)) return false;
      ++cursor.p;
      token_ = cursor.offset();
      state_ = State::version;
      return true;
    }
    if (c == '?') {
      if (query_ == 0) query_ = cursor.offset();
      ++cursor.p;
    } else if (c == '%') {
      const auto left = end - cursor.p;
      if ((left > 1 && !chars::is(chars::hex, cursor.p[1])) ||
          (left > 2 && !chars::is(chars::hex, cursor.p[2]))) {
        return cursor.refuse(400, "malformed percent escape in the target");
      }
      if (left < 3) break;
      cursor.p += 3;
    } else if (c == '\\' && query_ != 0) {
      ++cursor.p;  // browsers send it so in a query; in a path it only ever means mischief
    } else {
      return cursor.refuse(400, "forbidden character in the target");
    }
  }
  if (cursor.over_limit()) return cursor.refuse(414, "request line too long");
  return wait(cursor, State::target);
}

[[gnu::always_inline]] inline bool HeadParser::split_target(Cursor& cursor, RequestHead& head) {
  const std::string_view all = cursor.since(token_);
  head.target = all;
  if (all.empty()) return cursor.refuse(400, "empty target");
  head.path = all;
  if (query_ != 0) {
    const std::size_t size = query_ - token_;
    head.path = {all.data(), size};
    head.query = {all.data() + size + 1, all.size() - size - 1};
    head.has_query = true;
  }
  return (all.front() == '/' && head.method != Method::connect) || other_target(cursor, head);
}

[[gnu::always_inline]] inline bool HeadParser::version(Cursor& cursor, RequestHead& head) {
  const char* const end = cursor.stop;
  const char* const p = cursor.base + token_;
  if (end - p < 10 || !begins(p, "HTTP/1.1\r\n")) {
    const std::size_t matched = match_version(p, end);
    if (p + matched != end && matched < 10) return cursor.refuse(400, "malformed HTTP version");
    if (matched < 10) {
      if (cursor.over_limit()) return cursor.refuse(414, "request line too long");
      return wait(cursor, State::version);
    }
    if (p[5] != '1') return cursor.refuse(505, "HTTP version not supported");
    head.minor_version = p[7] == '0' ? 0 : 1;
  }
  if (!known_method_) return cursor.refuse(501, "unknown method");
  if (head.method == Method::connect) return cursor.refuse(501, "no CONNECT here");
  cursor.p = p + 10;
  fields_ = cursor.offset();
  state_ = State::line;
  return true;
}

[[gnu::always_inline]] inline bool HeadParser::field_lines(Cursor& cursor, RequestHead& head) {
  cursor.limit(fields_, limits_.fields);
  const char* const end = cursor.stop;
  const char* p = cursor.p;
  const char* name = cursor.base + token_;
  const char* value = cursor.base + value_;
  State state = state_;
  for (;;) {
    if (state == State::line) {
      if (p == end) break;
      if (*p == '\r') {
        if (end - p < 2) break;
        cursor.p = p + 2;
        if (p[1] != '\n') return cursor.refuse(400, "stray CR in the head");
        return finish(cursor, head);
      }
      // RFC 9112 2.2 for the first line, 5.2 for the others.
      if (*p == ' ' || *p == '\t') return cursor.refuse(400, "folded field line");
      if (head.fields.size() == limits_.field_count) {
        return cursor.refuse(431, "too many header fields");
      }
      name = p;
      state = State::name;
    }
    if (state == State::name) {
      p = chars::skip_token(p, end);
      if (p == end) break;
      // RFC 9112 5.1: no whitespace before the colon; a server that skips it can be smuggled past.
      if (*p != ':' || p == name) return cursor.refuse(400, "malformed field name");
      value = ++p;
      state = State::value;
    }
    p = chars::skip_value(p, end);
    if (p == end) break;
    if (*p != '\r') return cursor.refuse(400, "control character in a field value");
    if (end - p < 2) break;
    if (p[1] != '\n') return cursor.refuse(400, "stray CR in a field value");

    // Bounded by the CR in front, by the first other character behind.
    const char* first = value;
    const char* last = p;
    while (blank(*first)) ++first;
    if (first != last) {
      while (blank(last[-1])) --last;
    }
    head.fields.push_back({{name, static_cast<std::size_t>(value - 1 - name)},
                           {first, static_cast<std::size_t>(last - first)}});
    const Field& field = head.fields.back();
    if (is_special_size(field.name.size()) && !take_field(cursor, head, field)) return false;
    p += 2;
    state = State::line;
  }
  cursor.p = p;
  token_ = static_cast<std::size_t>(name - cursor.base);
  value_ = static_cast<std::size_t>(value - cursor.base);
  if (cursor.over_limit()) return cursor.refuse(431, "header fields too large");
  return wait(cursor, state);
}

void HeadParser::rebase(const char* from, const char* to, RequestHead& head) {
  // By address: the old buffer may be gone, and arithmetic on its pointers with it.
  auto move = [from, to](std::string_view& view) {
    if (!view.data()) return;
    const auto offset =
        reinterpret_cast<std::uintptr_t>(view.data()) - reinterpret_cast<std::uintptr_t>(from);
    view = {to + offset, view.size()};
  };
  for (std::string_view* view :
       {&head.method_name, &head.target, &head.path, &head.query, &head.host}) {
    move(*view);
  }
  for (Field& field : head.fields) {
    move(field.name);
    move(field.value);
  }
}

}  // namespace brigade::http
