// Why workers end: what is found out, kept and said of it.
#include <fmt/format.h>
#include <brigade/log.hpp>

#include <algorithm>

#include "cluster/exit_judge.hpp"
#include "cluster/primary_core.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr std::size_t kept_exits = 8;
// All that are kept would make a log line nobody reads; they stand in the log already, mostly.
constexpr std::size_t logged_lines = 3;

std::string text_of(const StackReport& fault) {
  std::string out = fmt::format("in thread {} \"{}\"", fault.thread, fault.thread_name);
  if (!fault.task.empty()) out += ", task \"" + log::escape(fault.task) + "\"";
  if (fault.signal == SIGSEGV || fault.signal == SIGBUS) {
    out += fmt::format(", at address {:#x}", fault.address);
  }
  return out;
}

}  // namespace

void PrimaryCore::note_reason(WorkerProcess& worker, ExitStatus status) {
  const bool mysterious = status.signal == SIGKILL && !worker.intended;
  const OomEvidence evidence =
      mysterious ? oom_kills_.evidence(worker.cgroup_file) : OomEvidence::none;
  worker.reason = {.cause = judge_exit(status, worker.intended, evidence),
                   .status = status,
                   .detail = worker.failure.empty() ? worker.intended_detail : worker.failure};
  if (worker.errors) {
    const auto& lines = worker.errors->last_lines();
    worker.reason.last_lines.assign(lines.begin(), lines.end());
  }
  if (worker.stack && worker.stack->fatal && status.signal == worker.stack->signal) {
    if (worker.reason.detail.empty()) worker.reason.detail = text_of(*worker.stack);
    worker.reason.stack = name_frames(worker, *worker.stack);
  }
  if (worker.intended == ExitCause::hung && worker.stack) {
    worker.reason.stack = name_frames(worker, *worker.stack);
  }
  auto& exits = seats_[worker.number()].exits;
  if (exits.size() == kept_exits) exits.pop_front();
  exits.push_back({.id = worker.id(),
                   .pid = worker.pid,
                   .generation = worker.generation(),
                   .at = std::chrono::system_clock::now(),
                   .lived = monotonic_now() - worker.started,
                   .reason = worker.reason});
}

void PrimaryCore::log_exit(const WorkerProcess& worker) {
  // What a silent worker writes is for the program alone, which has got it.
  const bool silent = worker.output != nullptr;
  const auto& lines = silent ? std::vector<std::string>() : worker.reason.last_lines;
  std::string last;
  for (std::size_t i = lines.size() - std::min(lines.size(), logged_lines); i < lines.size(); ++i) {
    last +=
        (last.empty() ? "; last on its standard error: \"" : " \"") + log::escape(lines[i]) + "\"";
  }
  log::warn("worker {} (pid {}) {}{}{}", worker.id(), worker.pid, worker.reason.text(),
            stack_text(worker.reason.stack), last);
}

std::vector<PastExit> PrimaryCore::exits(std::uint32_t number) const {
  const auto seat = seats_.find(number);
  if (seat == seats_.end()) return {};
  return {seat->second.exits.begin(), seat->second.exits.end()};
}

}  // namespace brigade::cluster::detail
