// Percent encoding (RFC 3986 2.1), and the '+' of HTML forms.
#pragma once

#include <string>
#include <string_view>

namespace brigade::http {

/// True when percent_decode would change `text` or refuse it.
bool has_escapes(std::string_view text, bool plus_is_space = false);

/// Replaces `out` with `text` decoded once. False when a '%' is not followed by two hex digits;
/// `out` is then empty. `text` must not point into `out`. The result may hold any byte, also NUL,
/// '/' and CR: whoever maps it to a file or writes it into a field has to look.
bool percent_decode(std::string_view text, std::string& out, bool plus_is_space = false);

}  // namespace brigade::http
