// What a worker's signal handler says of a stack, as its primary reads it.
//
//     brigade-stack|fault|11|0|4711|app: 0|/route/:id| +1a2b +3c4d libc.so.6+29d90
//
// kind, signal, address (hexadecimal), thread's id and name, task (a route's pattern, or nothing),
// then the frames, innermost first: module and offset, as the file has it; no module: the program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace brigade::cluster::detail {

inline constexpr std::string_view stack_mark = "brigade-stack";
inline constexpr char stack_separator = '|';
inline constexpr std::size_t max_frames = 32;

struct StackReport {
  struct Frame {
    std::string module;  // empty: the program itself; "?": unknown
    std::uint64_t offset = 0;
  };
  bool fatal = false;  // else it was asked for
  int signal = 0;
  std::uint64_t address = 0;  // that a fault was about
  int thread = 0;
  std::string thread_name;
  std::string task;
  std::vector<Frame> frames;
};

/// Nothing where it is no such line. The program may print such lines itself, so nothing in it is
/// believed.
std::optional<StackReport> parse_stack_report(std::string_view line);

/// "libc.so.6+0x29d90", "+0x1a2b".
std::string text_of(const StackReport::Frame& frame);

}  // namespace brigade::cluster::detail
