// Where in a message something is: ".jobs[3].port".
#pragma once

#include <string>
#include <string_view>

namespace brigade::value_detail {

/// ".name", or ["two words"] when it is no identifier; cut when long, as it may be a stranger's.
void append_name(std::string& path, std::string_view name);
void append_index(std::string& path, std::size_t index);

/// The name as the text of a message: in quotes, escaped, cut when longer than `max_length` bytes.
void append_quoted(std::string& out, std::string_view text, std::size_t max_length);

/// "path: what", or only what it is when it is about the whole message.
std::string at_path(std::string_view path, std::string_view what);

}  // namespace brigade::value_detail
