// Carrying out a rolling reload: the decisions are ReloadPlan's.
#include <fmt/format.h>
#include <brigade/log.hpp>

#include <algorithm>

#include "cluster/primary_core.hpp"

namespace brigade::cluster::detail {

void PrimaryCore::reload() {
  if (draining_) return;
  std::deque<std::uint32_t> numbers;
  for (const auto& seat : seats_) {  // not those whose worker was told to go for good
    if (seat->worker || seat->armed()) numbers.push_back(seat->number);
  }
  if (!plan_.running()) {
    if (!open_new_generation()) return;
    recycling_ = false;
  }
  take(plan_.request(std::move(numbers)));
}

bool PrimaryCore::open_new_generation() {
  if (const auto opened = open_programs(generation_ + 1); !opened) {
    report(nullptr, Error(opened.error().code(),
                          "reload refused, the old workers go on: " + opened.error().message()));
    reload_failed(opened.error().message());
    return false;
  }
  ++generation_;
  board_.header().primary.generation.set(generation_);
  log::info("reload: generation {}", generation_);
  tell(on_reload, ReloadNews{.what = ReloadNews::What::began, .generation = generation_});
  return true;
}

void PrimaryCore::reload_failed(std::string reason, std::optional<std::uint32_t> position) {
  tell(on_reload, ReloadNews{.what = ReloadNews::What::failed,
                             .generation = generation_,
                             .reason = std::move(reason),
                             .position = position,
                             .whole = !recycling_,
                             .another_next = plan_.has_repeat()});
}

void PrimaryCore::take(ReloadPlan::Step step) {
  if (const auto* begin = std::get_if<ReloadPlan::Start>(&step)) {
    Seat& seat = *seats_[begin->number];
    loop_.disarm(seat);
    reload_failure_.clear();
    seat.successor = start(seat, recycling_ ? seat.generation : generation_, true);
    if (!seat.successor) return take(plan_.successor_failed());
    loop_.arm(successor_timeout_, options_.listen_timeout);
    return;
  }
  if (const auto* failed = std::get_if<ReloadPlan::Failed>(&step)) {
    log::error(
        "{} stopped: the new worker at position {} did not come to listen; "
        "what served before goes on",
        recycling_ ? "replacement" : "reload", failed->number);
    Seat& seat = *seats_[failed->number];
    if (!seat.worker) loop_.arm(seat, options_.first_restart_delay);
    reload_failed(
        fmt::format("the new worker at position {} {}; what served before goes on", failed->number,
                    reload_failure_.empty() ? "cannot be started" : reload_failure_),
        failed->number);
  }
  if (std::holds_alternative<ReloadPlan::Finished>(step) && !recycling_) {
    log::info("reload finished: generation {}", generation_);
    tell(on_reload, ReloadNews{.what = ReloadNews::What::finished,
                               .generation = generation_,
                               .another_next = plan_.has_repeat()});
  }
  if (plan_.running()) return;
  // Programs that no position runs any more need not be kept.
  programs_.keep_only([this](std::uint64_t generation) {
    return generation == generation_ || std::any_of(seats_.begin(), seats_.end(), [&](auto& seat) {
             return seat->generation == generation;
           });
  });
  next_change();
}

void PrimaryCore::successor_timed_out() {
  const auto number = plan_.current();
  if (!number) return;
  WorkerProcess* successor = seats_[*number]->successor;
  if (!successor) return;
  log::error("new worker {} (pid {}) does not listen, it is killed", successor->id(),
             successor->pid);
  successor->blame(ExitCause::start_timeout);
  successor->child->send_signal(SIGKILL);
}

void PrimaryCore::successor_died(const WorkerProcess& worker) {
  loop_.disarm(successor_timeout_);
  const std::string how =
      worker.reason.text() + (worker.failure.empty() ? " before it listened" : "");
  reload_failure_ = how;
  if (!draining_) log::error("new worker {} (pid {}) {}", worker.id(), worker.pid, how);
  take(plan_.successor_failed());
}

}  // namespace brigade::cluster::detail
