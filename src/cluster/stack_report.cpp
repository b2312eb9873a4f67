#include "cluster/stack_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace brigade::cluster::detail {
namespace {

std::string_view take_until(std::string_view& text, char end) {
  const std::string_view piece = text.substr(0, text.find(end));
  text.remove_prefix(std::min(piece.size() + 1, text.size()));
  return piece;
}

template <class T>
bool number(std::string_view text, T& out, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

std::optional<StackReport> parse_stack_report(std::string_view line) {
  if (take_until(line, stack_separator) != stack_mark) return std::nullopt;
  StackReport out;
  const std::string_view kind = take_until(line, stack_separator);
  out.fatal = kind == "fault";
  if (!out.fatal && kind != "stack") return std::nullopt;
  if (!number(take_until(line, stack_separator), out.signal, 10) ||
      !number(take_until(line, stack_separator), out.address, 16) ||
      !number(take_until(line, stack_separator), out.thread, 10)) {
    return std::nullopt;
  }
  out.thread_name = take_until(line, stack_separator);
  out.task = take_until(line, stack_separator);
  while (!line.empty() && out.frames.size() < max_frames) {
    std::string_view word = take_until(line, ' ');
    if (word.empty()) continue;
    const std::size_t plus = word.rfind('+');
    StackReport::Frame frame;
    if (plus == std::string_view::npos || !number(word.substr(plus + 1), frame.offset, 16)) {
      return std::nullopt;
    }
    frame.module = word.substr(0, plus);
    out.frames.push_back(std::move(frame));
  }
  return out;
}

std::string text_of(const StackReport::Frame& frame) {
  return fmt::format("{}+{:#x}", frame.module, frame.offset);
}

}  // namespace brigade::cluster::detail
