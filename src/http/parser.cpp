// The lines of a head. What single fields mean is in parser_fields.cpp, the target in
// parser_target.cpp.
//
// Invariants:
// - The result depends on the bytes only, not on how they were cut into calls. So every refusal is
//   decided by the bytes up to where it is found, and the limits are kept by not looking at bytes
//   beyond them (`within`), not by counting afterwards what a call happened to bring.
// - No byte is scanned twice, however small the pieces: a call goes on at `at_`, inside the token.
//   (A line end or a percent escape that is cut is looked at again: three bytes at most.)
#include "http/parser.hpp"

#include <algorithm>

#include "http/chars.hpp"

namespace brigade::http {

namespace {

constexpr std::uint64_t bytes_of(const char (&text)[9]) {
  std::uint64_t bytes = 0;
  for (int i = 7; i >= 0; --i) bytes = bytes << 8 | static_cast<unsigned char>(text[i]);
  return bytes;
}
static_assert(std::endian::native == std::endian::little, "words are compared as little-endian");

template <class Word>
Word load(const char* p) {
  Word word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

const char* within(const char* first, std::size_t limit, const char* end) {
  return static_cast<std::size_t>(end - first) <= limit ? end : first + limit;
}

/// False when the method is not one that we know; its case counts (RFC 9110 9.1).
bool find_method(std::string_view name, Method& method) {
  struct Known {
    std::string_view name;
    Method method;
  };
  static constexpr Known known[method_count] = {
      {"GET", Method::get},         {"HEAD", Method::head},       {"POST", Method::post},
      {"PUT", Method::put},         {"DELETE", Method::delete_},  {"CONNECT", Method::connect},
      {"OPTIONS", Method::options}, {"TRACE", Method::trace},     {"PATCH", Method::patch}};
  for (const Known& candidate : known) {
    if (candidate.name == name) {
      method = candidate.method;
      return true;
    }
  }
  return false;
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

HeadParser::Outcome HeadParser::parse(std::string_view buffer, RequestHead& head) {
  const char* const base = buffer.data();
  Cursor cursor{base, base + buffer.size(), base, {.status = Status::incomplete}};
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

bool HeadParser::start(Cursor& cursor, RequestHead& head) {
  head.clear();
  query_ = 0;
  known_method_ = absolute_ = host_seen_ = false;
  coding_seen_ = coding_unknown_ = close_ = stay_ = false;
  // RFC 9112 2.2: old clients send an empty line after a body. One, or it would be a free flood.
  if (cursor.p != cursor.end && *cursor.p == '\r') {
    if (cursor.end - cursor.p < 2) return wait(cursor, State::start);
    if (cursor.p[1] != '\n') return cursor.refuse(400, "stray CR before the request line");
    cursor.p += 2;
  }
  line_ = cursor.offset();
  state_ = State::method;
  return true;
}

bool HeadParser::request_line(Cursor& cursor, RequestHead& head) {
  if (state_ == State::start && !start(cursor, head)) return false;
  if (state_ == State::method && !method(cursor, head)) return false;
  if (state_ == State::target && !target(cursor, head)) return false;
  return version(cursor, head);
}

bool HeadParser::method(Cursor& cursor, RequestHead& head) {
  const char* const first = cursor.base + line_;
  const char* const end = within(first, limits_.request_line, cursor.end);
  if (end - cursor.p >= 5 && load<std::uint32_t>(first) == static_cast<std::uint32_t>(' ' << 24 | 'T' << 16 | 'E' << 8 | 'G')) {
    cursor.p = first + 3;
    known_method_ = true;  // and head.method is `get` already
  } else {
    cursor.p = chars::skip_token(cursor.p, end);
    if (cursor.p == end) {
      if (end != cursor.end) return cursor.refuse(501, "method too long");
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

bool HeadParser::target(Cursor& cursor, RequestHead& head) {
  const char* const end = within(cursor.base + line_, limits_.request_line, cursor.end);
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
  if (end != cursor.end) return cursor.refuse(414, "request line too long");
  return wait(cursor, State::target);
}

bool HeadParser::version(Cursor& cursor, RequestHead& head) {
  const char* const end = within(cursor.base + line_, limits_.request_line, cursor.end);
  const char* const p = cursor.base + token_;
  if (end - p < 10 || load<std::uint64_t>(p) != bytes_of("HTTP/1.1") || p[8] != '\r' ||
      p[9] != '\n') {
    const std::size_t matched = match_version(p, end);
    if (p + matched != end && matched < 10) return cursor.refuse(400, "malformed HTTP version");
    if (matched < 10) {
      if (end != cursor.end) return cursor.refuse(414, "request line too long");
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

bool HeadParser::field_lines(Cursor& cursor, RequestHead& head) {
  const char* const end = within(cursor.base + fields_, limits_.fields, cursor.end);
  const char* p = cursor.p;
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
      token_ = static_cast<std::size_t>(p - cursor.base);
      state = State::name;
    }
    if (state == State::name) {
      p = chars::skip_token(p, end);
      if (p == end) break;
      // RFC 9112 5.1: no whitespace before the colon; a server that skips it can be smuggled past.
      if (*p != ':' || p == cursor.base + token_) return cursor.refuse(400, "malformed field name");
      ++p;
      value_ = static_cast<std::size_t>(p - cursor.base);
      state = State::value;
    }
    p = chars::skip_value(p, end);
    if (p == end) break;
    if (*p != '\r') return cursor.refuse(400, "control character in a field value");
    if (end - p < 2) break;
    if (p[1] != '\n') return cursor.refuse(400, "stray CR in a field value");

    const char* first = cursor.base + value_;
    const char* last = p;
    while (first != last && (*first == ' ' || *first == '\t')) ++first;
    while (first != last && (last[-1] == ' ' || last[-1] == '\t')) --last;
    const char* const name = cursor.base + token_;
    const Field field{{name, static_cast<std::size_t>(cursor.base + value_ - 1 - name)},
                      {first, static_cast<std::size_t>(last - first)}};
    head.fields.push_back(field);
    if (!take_field(cursor, head, field)) return false;
    p += 2;
    state = State::line;
  }
  cursor.p = p;
  if (end != cursor.end) return cursor.refuse(431, "header fields too large");
  return wait(cursor, state);
}

void HeadParser::rebase(const char* from, const char* to, RequestHead& head) {
  // By address: the old buffer may be gone, and arithmetic on its pointers with it.
  auto move = [from, to](std::string_view& view) {
    if (!view.data()) return;
    const auto offset = reinterpret_cast<std::uintptr_t>(view.data()) -
                        reinterpret_cast<std::uintptr_t>(from);
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
