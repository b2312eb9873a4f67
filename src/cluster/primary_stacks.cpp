// Putting names to the stacks that workers report.
#include <fmt/format.h>

#include "cluster/primary_core.hpp"
#include "cluster/symbols.hpp"

namespace brigade::cluster::detail {

bool PrimaryCore::heard_stack(WorkerProcess& worker, std::string_view line) {
  auto report = parse_stack_report(line);
  if (!report) return false;
  worker.stack = std::move(report);
  if (!worker.stack->fatal && std::exchange(worker.stack_wanted, false)) report_stall(worker);
  return true;
}

std::vector<std::string> PrimaryCore::name_frames(const WorkerProcess& worker,
                                                  const StackReport& report) {
  // The file that it was started from, whatever is at its path now.
  auto file =
      programs_.get(worker.generation(), seats_[worker.number()].settings.program.value_or(""));
  const Symbols symbols(file ? fmt::format("/proc/self/fd/{}", *file) : "");
  std::vector<std::string> out;
  for (const auto& frame : report.frames) {
    std::string name = frame.module.empty() ? symbols.name_of(frame.offset)
                                            : name_in_library(frame.module, frame.offset);
    out.push_back(name.empty() ? text_of(frame) : std::move(name));
  }
  return out;
}

std::string stack_text(const std::vector<std::string>& stack) {
  constexpr std::size_t logged_frames = 12;
  std::string out;
  for (std::size_t i = 0; i < stack.size() && i < logged_frames; ++i) {
    out += (i == 0 ? "; stack: " : " < ") + stack[i];
  }
  if (stack.size() > logged_frames) out += fmt::format(" < {} more", stack.size() - logged_frames);
  return out;
}

}  // namespace brigade::cluster::detail
