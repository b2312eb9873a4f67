// Changing how many workers there are, and replacing a single one.
#include <fmt/format.h>
#include <brigade/log.hpp>

#include <algorithm>
#include <cerrno>

#include "cluster/primary_core.hpp"

namespace brigade::cluster::detail {

bool PrimaryCore::is_filled(const Seat& seat) {
  return seat.worker ? seat.worker->replace : seat.armed();
}

bool PrimaryCore::recycle(WorkerProcess& worker, const std::string& reason) {
  const Seat& seat = *seats_[worker.number()];
  if (draining_ || seat.worker != &worker || worker.draining || !worker.replace) return false;
  if (std::find(recycles_.begin(), recycles_.end(), worker.id()) != recycles_.end()) return true;
  if (plan_.running() && plan_.current() == worker.number()) return true;  // it goes anyway
  log::info("worker {} (pid {}) is to be replaced: {}", worker.id(), worker.pid, reason);
  recycles_.push_back(worker.id());
  if (!plan_.running()) next_change();
  return true;
}

Result<void> PrimaryCore::scale(unsigned count) {
  if (draining_) return Error(ESHUTDOWN, "cannot scale: the cluster is draining");
  if (count == 0)
    return Error(EINVAL, "cannot scale to no worker at all: stop the cluster instead");
  if (count >= board_.slots()) {
    return Error(EINVAL,
                 fmt::format("cannot scale to {} workers: {} are the most (max_workers, less "
                             "one for a successor)",
                             count, board_.slots() - 1));
  }
  scale_to_ = count;
  if (!plan_.running()) next_change();
  return {};
}

void PrimaryCore::scale_by(int change) {
  const auto filled = std::count_if(seats_.begin(), seats_.end(),
                                    [](const auto& seat) { return is_filled(*seat); });
  const auto count = static_cast<long>(scale_to_.value_or(static_cast<unsigned>(filled))) + change;
  if (const auto scaled = scale(static_cast<unsigned>(std::max(count, 0L))); !scaled) {
    log::warn("{}", scaled.error().message());
  }
}

// What was asked for while a reload or a replacement was running.
void PrimaryCore::next_change() {
  if (draining_) return;
  if (plan_.take_repeat()) return reload();
  if (scale_to_) apply_scale(*std::exchange(scale_to_, std::nullopt));
  while (!recycles_.empty() && !plan_.running()) {
    const auto found = workers_.find(recycles_.front());
    recycles_.pop_front();
    if (found == workers_.end()) continue;  // it died, and was replaced
    const Seat& seat = *seats_[found->second->number()];
    if (seat.worker != found->second.get() || seat.worker->draining) continue;
    recycling_ = true;
    take(plan_.request({seat.number}));
  }
}

void PrimaryCore::apply_scale(unsigned count) {
  std::vector<Seat*> filled;
  for (auto& seat : seats_) {
    if (is_filled(*seat)) filled.push_back(seat.get());
  }
  if (filled.size() != count) log::info("scaling from {} workers to {}", filled.size(), count);
  for (std::size_t index = filled.size(); index > count; --index) vacate(*filled[index - 1]);
  for (std::size_t index = filled.size(); index < count; ++index) {
    const auto vacant = std::find_if(seats_.begin(), seats_.end(), [](const auto& seat) {
      return !seat->worker && !seat->armed();
    });
    if (vacant == seats_.end()) {
      if (!fork({})) return;
      continue;
    }
    Seat& seat = **vacant;
    seat.generation = generation_;
    seat.worker = start(seat, generation_, false);
    if (!seat.worker) loop_.arm(seat, options_.first_restart_delay);
  }
}

// Its worker goes on on its own until it has finished; the position is free at once.
void PrimaryCore::vacate(Seat& seat) {
  loop_.disarm(seat);
  WorkerProcess* worker = std::exchange(seat.worker, nullptr);
  if (!worker) return;
  worker->replace = false;
  drain(*worker, options_.drain_quiet);
}

}  // namespace brigade::cluster::detail
