// Doing what the supervisor says.
#include <fmt/format.h>
#include <brigade/log.hpp>

#include <algorithm>

#include "cluster/primary_core.hpp"

namespace brigade::cluster::detail {
namespace {

long long milliseconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

const char* text(action::Fault fault) {
  switch (fault) {
    case action::Fault::not_started:
      return "could not be started";
    case action::Fault::died:
      return "died before it had proven itself";
    case action::Fault::rejected:
      return "was rejected";
  }
  return "failed";
}

void note(const action::Unstable& it) {
  log::warn("worker position {} is unstable ({} deaths in a row): it starts again in {} ms",
            it.position, it.deaths, milliseconds(it.delay));
}
void note(const action::GivenUp& it) {
  log::error("worker position {} is given up: {}; a reload tries it again", it.position,
             it.by_rule ? "it ended in a way that says so" : "it is unstable");
}
void note(const action::NoneLeft&) {
  log::error("stopping: every worker position is given up");
}
void note(const action::StopByRule& it) {
  log::error("stopping: the worker at position {} ended in a way that says so", it.position);
}
void note(const action::ReloadFinished& it) {
  log::info("reload finished: generation {}", it.generation);
}
void note(const action::ReloadFailed& it) {
  log::error("reload stopped: the new worker at position {} {}; {}", it.position, text(it.fault),
             it.rolling_back == 0
                 ? "what served before goes on"
                 : fmt::format("{} positions go back to the old program", it.rolling_back));
}
void note(const action::Scaled& it) {
  log::info("scaling from {} workers to {}", it.from, it.to);
}

}  // namespace

void PrimaryCore::carry_out() {
  while (const auto next = supervisor_.next_action()) {
    std::visit([this](const auto& action) { perform(action); }, *next);
    tell(on_action, *next);
  }
  if (const auto at = supervisor_.next_deadline()) {
    loop_.arm(deadline_, *at - loop_.now());
  } else {
    loop_.disarm(deadline_);
  }
}

void PrimaryCore::tick() {
  supervisor_.tick(loop_.read_clock());
  carry_out();
}

void PrimaryCore::scale_by(int change) {
  const auto count = static_cast<long>(supervisor_.wanted()) + change;
  if (const auto scaled = scale(static_cast<unsigned>(std::max(count, 0L))); !scaled) {
    log::warn("{}", scaled.error().message());
  }
}

void PrimaryCore::perform(const action::Start& it) {
  if (it.fresh) seats_[it.position].settings = fork_settings_.value_or(options_.settings);
  if (it.restart) board_.header().primary.restarts.add();
  if (it.fresh && adopt_at(it.position)) return;
  const WorkerProcess* worker = start(it);
  supervisor_.started(it, worker ? std::optional(worker->id()) : std::nullopt, loop_.read_clock());
}

void PrimaryCore::perform(const action::Drain& it) {
  const auto found = workers_.find(it.worker);
  if (found == workers_.end()) return;
  drain(*found->second, it.briefly ? options_.drain_quiet / 4 : options_.drain_quiet);
}

void PrimaryCore::perform(const action::Kill& it) {
  const auto found = workers_.find(it.worker);
  if (found == workers_.end() || found->second->exit) return;
  WorkerProcess& worker = *found->second;
  switch (it.why) {
    case action::Why::stop:
      worker.draining = true;
      worker.blame(ExitCause::requested);
      break;
    case action::Why::not_gone:
      log::warn("worker {} (pid {}) has not finished in its time: it is killed", worker.id(),
                worker.pid);
      if (worker.intended_detail.empty()) {
        worker.intended_detail = "it had not finished in its time";
      }
      break;
    case action::Why::not_answering:
      worker.blame(ExitCause::lost_channel);
      log::error("worker {} (pid {}) does not answer the new primary: it is killed", worker.id(),
                 worker.pid);
      break;
    case action::Why::not_listening:
      worker.blame(ExitCause::start_timeout);
      log::error("new worker {} (pid {}) does not listen, it is killed", worker.id(), worker.pid);
      break;
  }
  worker.child->send_signal(SIGKILL);
}

void PrimaryCore::perform(const action::OpenPrograms& it) {
  const auto opened = open_programs(it.generation);
  if (!opened) {
    report(nullptr, Error(opened.error().code(),
                          "reload refused, the old workers go on: " + opened.error().message()));
  }
  supervisor_.opened(it.generation, static_cast<bool>(opened), loop_.read_clock());
  if (!opened) reload_failed(opened.error().message());
}

void PrimaryCore::perform(const action::ClosePrograms&) {
  programs_.keep_only([this](std::uint64_t generation) { return supervisor_.needs(generation); });
}

void PrimaryCore::perform(const action::End& it) {
  // What they said last is heard before the end, and that they are gone.
  for (auto& [id, worker] : workers_) tell_disconnect(*worker);
  if (!workers().empty()) return;  // a callback has begun anew
  exit_code_ = it.code;
  ended_ = true;
  if (running_) loop_.stop();
}

void PrimaryCore::perform(const action::NoneCouldStart&) {
  log::error("no worker could start{}", last_failure_.empty() ? "" : ": " + last_failure_);
}

void PrimaryCore::perform(const action::ReloadBegun& it) {
  board_.header().primary.generation.set(it.generation);
  log::info("reload: generation {}", it.generation);
  tell(on_reload, ReloadNews{.what = ReloadNews::What::began, .generation = it.generation});
}

void PrimaryCore::perform(const action::ReloadFinished& it) {
  note(it);
  tell(on_reload, ReloadNews{.what = ReloadNews::What::finished,
                             .generation = it.generation,
                             .another_next = supervisor_.reloading()});
}

void PrimaryCore::perform(const action::ReloadFailed& it) {
  note(it);
  board_.header().primary.generation.set(supervisor_.generation());
  reload_failure_ =
      fmt::format("the new worker at position {} {}; ", it.position,
                  it.fault == action::Fault::died ? successor_end_ : std::string(text(it.fault)));
  failed_position_ = it.position;
  if (it.rolling_back == 0) {
    reload_failed(reload_failure_ + "what served before goes on", it.position);
  }
}

void PrimaryCore::perform(const action::RolledBack& it) {
  std::string outcome;
  if (it.failed == 0) {
    outcome = fmt::format("{} positions run generation {} again", it.positions, it.generation);
    log::info("rolled back: {}", outcome);
  } else {
    outcome = fmt::format("{} of {} positions could not go back to generation {}", it.failed,
                          it.positions, it.generation);
    log::error("rolled back but for some: {}", outcome);
  }
  reload_failed(reload_failure_ + outcome, failed_position_);
}

void PrimaryCore::perform(const action::RecycleFailed& it) {
  log::error("replacement stopped: the new worker at position {} did not come to listen",
             it.position);
  reload_failed(fmt::format("the new worker at position {} {}; what served before goes on",
                            it.position, successor_end_),
                it.position, false);
}

void PrimaryCore::reload_failed(std::string reason, std::optional<std::uint32_t> position,
                                bool whole) {
  // The next may be begun already.
  const bool next = supervisor_.reload_follows() || (whole && supervisor_.reloading());
  tell(on_reload, ReloadNews{.what = ReloadNews::What::failed,
                             .generation = supervisor_.generation(),
                             .reason = std::move(reason),
                             .position = position,
                             .whole = whole,
                             .another_next = next && !supervisor_.stopping()});
}

template <class Notice>
void PrimaryCore::perform(const Notice& notice) {
  note(notice);
}

}  // namespace brigade::cluster::detail
