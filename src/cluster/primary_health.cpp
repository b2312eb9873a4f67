// Looking after workers: who hangs, and who has passed a limit.
//
// The rounds go on only while some worker does something. When one has been idle from one round to
// the next it is told so on the scoreboard and looked at once more; from then on its loop, the next
// time it wakes, says so over the channel. So an idle cluster wakes nobody, and a busy worker pays
// a look at one word for each sleep of its loop.
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <brigade/log.hpp>

#include <algorithm>

#include "cluster/fault_report.hpp"
#include "cluster/primary_core.hpp"
#include "cluster/process_facts.hpp"

namespace brigade::cluster::detail {
namespace {

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

std::string where(const WorkerProcess& worker) {
  if (worker.hang.stopped()) return "it is stopped by a signal";
  std::string out = worker.hang.spins() ? "its loop spins" : "its loop is blocked";
  if (worker.stack && !worker.stack->task.empty()) {
    out += " in task \"" + log::escape(worker.stack->task) + "\"";
  }
  return out;
}

}  // namespace

Duration PrimaryCore::round_period() const {
  const WorkerLimits& limits = options_.limits;
  Duration out = std::chrono::seconds(1);
  if (limits.hang_after > Duration(0)) out = std::min(out, limits.hang_after / 8);
  if (limits.stall_after > Duration(0)) out = std::min(out, limits.stall_after / 2);
  return std::max<Duration>(out, std::chrono::milliseconds(10));
}

void PrimaryCore::look_after(WorkerProcess& worker) {
  if (worker.exit) return;
  worker.watched = true;
  worker.farewell = false;
  if (!rounds_.armed()) loop_.arm(rounds_, round_period());
}

void PrimaryCore::make_rounds() {
  for (auto& [id, worker] : workers_) {
    if (worker->exit) worker->watched = false;
    if (worker->watched) look_at(*worker);
  }
  const bool more = std::any_of(workers_.begin(), workers_.end(),
                                [](const auto& each) { return each.second->watched; });
  if (more) loop_.arm(rounds_, round_period());
}

void PrimaryCore::look_at(WorkerProcess& worker) {
  stats::Slot& slot = board_.slot(worker.slot());
  HangSample sample{.stopped = board_.entry(worker.slot()).stopped.get() != 0,
                    .turns = slot.loop.meter.turns.get(),
                    .busy_since_ns = slot.loop.meter.busy_since_ns.get()};
  if (sample.busy_since_ns == 0) worker.has_slept = true;
  if (sample.busy_since_ns != 0 && !sample.stopped) {
    const pid_t thread = slot.watch.loop_thread.get();
    const ThreadFacts facts = thread_facts(worker.pid, thread != 0 ? thread : worker.pid);
    sample.runnable = facts.runnable;
    sample.ran_ns = facts.ran_ns;
    sample.waited_ns = facts.waited_ns;
  }
  HangLimits limits{round_period(), options_.limits.stall_after, options_.limits.hang_after};
  if (limits.hang_after > Duration(0)) {
    limits.stall_after = std::min(limits.stall_after, limits.hang_after / 2);
  }
  const auto verdict = worker.hang.look(sample, monotonic_now(), limits);
  if (verdict == HangWatch::Verdict::asleep) {
    if (worker.farewell) {
      worker.watched = false;
    } else {
      worker.farewell = true;
      slot.watch.unwatched.store(1, std::memory_order_relaxed);
    }
    return;
  }
  worker.farewell = false;
  replace_for_limit(worker);
  // One that drains has a deadline of its own, and one that sets itself up may take its time.
  if (worker.draining || (!worker.has_slept && !worker.listening_since)) return;
  if (verdict == HangWatch::Verdict::hangs) return end_hanging(worker);
  if (verdict != HangWatch::Verdict::stalls) return;
  worker.stack.reset();
  if (!ask_for_stack(worker)) report_stall(worker);
}

bool PrimaryCore::ask_for_stack(WorkerProcess& worker) {
  const pid_t thread = board_.slot(worker.slot()).watch.loop_thread.get();
  if (worker.hang.stopped() || !worker.errors || thread == 0) return false;
  // It has not been reaped, so the pid is its own; a thread of another process is refused.
  worker.stack_wanted = ::syscall(SYS_tgkill, worker.pid, thread, stack_signal()) == 0;
  return worker.stack_wanted;
}

void PrimaryCore::report_stall(WorkerProcess& worker) {
  const auto stack = worker.stack ? name_frames(worker, *worker.stack) : std::vector<std::string>();
  log::warn("worker {} (pid {}) has stood still for {:.1f} s: {}{}", worker.id(), worker.pid,
            seconds(worker.hang.stuck()), where(worker), stack_text(stack));
}

void PrimaryCore::end_hanging(WorkerProcess& worker) {
  if (is_traced(worker.pid)) return worker.hang.start_over();
  // In the next round, if it does not answer.
  if (!worker.stack && !std::exchange(worker.asked_before_end, true) && ask_for_stack(worker)) {
    return;
  }
  worker.stack_wanted = false;
  worker.blame(ExitCause::hung,
               fmt::format("for {:.1f} s {}", seconds(worker.hang.stuck()), where(worker)));
  worker.child->send_signal(SIGKILL);  // the only one that a stopped process heeds
}

void PrimaryCore::replace_for_limit(WorkerProcess& worker) {
  const WorkerLimits& limits = options_.limits;
  constexpr Duration retry_after = std::chrono::minutes(1);  // where no successor would start
  const TimePoint now = monotonic_now();
  if (worker.draining || !worker.listening_since) return;
  if (worker.replaced_for && now - worker.replaced_at < retry_after) return;
  const auto pass = [&](ExitCause cause, std::string detail) {
    if (!recycle(worker, detail)) return;
    worker.replaced_for = cause;
    worker.replaced_at = now;
    worker.replaced_detail = std::move(detail);
  };
  if (limits.max_requests != 0) {
    std::uint64_t requests = board_.slot(worker.slot()).loop.requests.get();
    if (board_.entry(worker.slot()).claims.get() > 1) {
      requests -= std::min(requests, board_.base(worker.slot()).loop.requests.get());
    }
    if (requests >= limits.max_requests) {
      return pass(ExitCause::request_limit, fmt::format("it has had {} requests", requests));
    }
  }
  if (limits.max_age > Duration(0)) {
    // Spread by ids, so that a generation does not go all at once.
    const auto part = static_cast<Duration::rep>(worker.id() * 2654435761U % 1024);
    if (now - worker.started >= limits.max_age - limits.max_age / 10 * part / 1024) {
      return pass(ExitCause::age_limit,
                  fmt::format("it is {:.0f} s old", seconds(now - worker.started)));
    }
  }
  if (limits.max_memory != 0) {
    const std::uint64_t bytes = own_memory(worker.pid);
    if (bytes >= limits.max_memory) {
      // A limit below what the program needs to begin with must not make workers come and go
      // without a pause.
      constexpr Duration settles = std::chrono::seconds(5);
      if (now - *worker.listening_since < settles) {
        if (std::exchange(warned_of_memory_limit_, true)) return;
        return log::warn(
            "worker {} (pid {}) has {} MB of memory already, and the limit is {} MB: workers will "
            "be replaced again and again; raise --max-memory",
            worker.id(), worker.pid, bytes >> 20, limits.max_memory >> 20);
      }
      return pass(ExitCause::memory_limit, fmt::format("it has {} MB of memory", bytes >> 20));
    }
  }
  if (limits.max_descriptors != 0) {
    const std::uint64_t open = open_descriptors(worker.pid);
    if (open >= limits.max_descriptors) {
      pass(ExitCause::descriptor_limit, fmt::format("it has {} descriptors open", open));
    }
  }
}

}  // namespace brigade::cluster::detail
