// The fields that decide how a request is framed and where it goes, and RequestHead itself.
#include <type_traits>

#include "http/authority.hpp"
#include "http/chars.hpp"
#include "http/parser.hpp"

namespace brigade::http {

namespace {

/// `name` has N - 1 bytes and no control characters; `lower` is in lower case, 4 to 16 letters and
/// hyphens. Two words that may overlap are compared.
template <std::size_t N>
bool named(const char* name, const char (&lower)[N]) {
  using Word = std::conditional_t<(N > 8), std::uint64_t, std::uint32_t>;
  constexpr std::size_t last = N - 1 - sizeof(Word);
  static_assert(N - 1 >= 4 && N - 1 <= 16);
  return chars::folded<Word>(name) == chars::folded<Word>(lower) &&
         chars::folded<Word>(name + last) == chars::folded<Word>(lower + last);
}

std::string_view trimmed(std::string_view text) {
  auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// True for a short host name with a port of up to four digits: of what is_authority accepts,
/// nearly everything that ever comes, checked in one step. The bytes behind `text` may be read up
/// to `end`.
bool is_plain_host(std::string_view text, const char* end) {
#ifdef __SSE2__
  if (text.size() > 15 || text.empty() || end - text.data() < 16) return false;
  const unsigned name_ends = chars::sse2::outside_plain_word(text.data());
  const auto name = static_cast<unsigned>(__builtin_ctz(name_ends | 1U << text.size()));
  if (name == text.size()) return true;
  const unsigned port = static_cast<unsigned>(text.size()) - name - 1;
  if (name == 0 || text[name] != ':' || port > 4) return false;
  const unsigned outside_port = chars::sse2::outside_digits(text.data()) >> (name + 1);
  return (outside_port & ((1U << port) - 1)) == 0;
#else
  static_cast<void>(text);
  static_cast<void>(end);
  return false;
#endif
}

/// Takes the first element off a comma-separated list (RFC 9110 5.6.1). False at its end.
bool next_element(std::string_view& list, std::string_view& element) {
  if (!list.data()) return false;
  const std::size_t comma = list.find(',');
  element = trimmed(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return true;
}

/// 0, or the code to refuse with. Digits only (RFC 9110 8.6): strtoull and its kin take signs,
/// spaces and "0x", and wrap.
int parse_length(std::string_view text, std::uint64_t& length) {
  if (text.empty()) return 400;
  std::uint64_t number = 0;
  bool too_large = false;
  for (char c : text) {
    if (!chars::is(chars::digit, c)) return 400;
    too_large = too_large || __builtin_mul_overflow(number, 10U, &number) ||
                __builtin_add_overflow(number, static_cast<unsigned>(c - '0'), &number);
  }
  length = number;
  return too_large ? 413 : 0;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

const Field* RequestHead::find(std::string_view name) const {
  for (const Field& field : fields) {
    if (equal_ignoring_case(field.name, name)) return &field;
  }
  return nullptr;
}

void RequestHead::clear() {
  method_name = target = path = query = host = {};
  fields.clear();
  content_length = 0;
  method = Method::get;
  minor_version = 1;
  has_query = upgrade = chunked = has_content_length = expect_continue = false;
  keep_alive = true;
}

bool HeadParser::take_field(Cursor& cursor, RequestHead& head, const Field& field) {
  const char* const name = field.name.data();
  switch (field.name.size()) {
    case 4:
      if (!named(name, "host")) return true;
      // RFC 9112 3.2: 400 for a second Host and for an invalid one, in HTTP/1.0 as well.
      if (host_seen_) return cursor.refuse(400, "more than one Host");
      host_seen_ = true;
      if (!is_plain_host(field.value, cursor.end) && !is_authority(field.value))
        return cursor.refuse(400, "malformed Host");
      if (!absolute_) head.host = field.value;  // 3.2.2: an absolute target overrides it
      return true;
    case 6:
      // RFC 9110 10.1.1: of an HTTP/1.0 client the expectation is ignored.
      if (!named(name, "expect") || head.minor_version == 0) return true;
      if (!equal_ignoring_case(field.value, "100-continue")) {
        return cursor.refuse(417, "unknown expectation");
      }
      head.expect_continue = true;
      return true;
    case 10: {
      if (!named(name, "connection")) return true;
      if (field.value.size() == 10 && named(field.value.data(), "keep-alive")) {
        stay_ = true;  // what browsers send
        return true;
      }
      std::string_view list = field.value;
      for (std::string_view option; next_element(list, option);) {
        close_ = close_ || equal_ignoring_case(option, "close");
        stay_ = stay_ || equal_ignoring_case(option, "keep-alive");
        head.upgrade = head.upgrade || equal_ignoring_case(option, "upgrade");
      }
      return true;
    }
    case 14: {
      if (!named(name, "content-length")) return true;
      if (head.has_content_length) return cursor.refuse(400, "more than one Content-Length");
      head.has_content_length = true;
      const int code = parse_length(field.value, head.content_length);
      if (code == 413) return cursor.refuse(413, "Content-Length too large");
      return code == 0 || cursor.refuse(400, "malformed Content-Length");
    }
    case 17:
      return !named(name, "transfer-encodin") || (name[16] | 0x20) != 'g' ||
             transfer_encoding(cursor, head, field.value);
    default:
      return true;
  }
}

/// RFC 9112 6.1, 6.3: chunked must come last and once. Several lines are one list.
bool HeadParser::transfer_encoding(Cursor& cursor, RequestHead& head, std::string_view value) {
  coding_seen_ = true;
  std::string_view list = value;
  for (std::string_view coding; next_element(list, coding);) {
    const char* const end = coding.data() + coding.size();
    if (coding.empty() || chars::skip(chars::token, coding.data(), end) != end || head.chunked) {
      return cursor.refuse(400, "malformed Transfer-Encoding");
    }
    if (equal_ignoring_case(coding, "chunked")) {
      head.chunked = true;
    } else {
      coding_unknown_ = true;
    }
  }
  return true;
}

bool HeadParser::finish(Cursor& cursor, RequestHead& head) {
  // RFC 9112 3.2: also beside an absolute target.
  if (!host_seen_ && head.minor_version == 1) return cursor.refuse(400, "no Host");
  if (coding_seen_) {
    // RFC 9112 6.1, 11.2: signs of a smuggled request, all of them.
    if (head.minor_version == 0) return cursor.refuse(400, "Transfer-Encoding in HTTP/1.0");
    if (head.has_content_length) {
      return cursor.refuse(400, "both Transfer-Encoding and Content-Length");
    }
    if (!head.chunked) return cursor.refuse(400, "Transfer-Encoding does not end with chunked");
    if (coding_unknown_) return cursor.refuse(501, "unknown transfer coding");
  }
  head.keep_alive = !close_ && (head.minor_version == 1 || stay_);
  // RFC 9110 10.1.1: without content there is nothing to go on with.
  head.expect_continue = head.expect_continue && (head.chunked || head.content_length > 0);
  cursor.outcome = {.status = Status::complete, .consumed = cursor.offset()};
  return true;
}

}  // namespace brigade::http
