#include <brigade/loop.hpp>

#include <utility>

#include "threads/thread_context.hpp"
#include "threads/worker_core.hpp"

namespace brigade::threads::detail {
namespace {

struct Outcome {
  int code = 0;
  std::exception_ptr failure = nullptr;
};

struct StopsLoop final : brigade::detail::TaskOwner {
  explicit StopsLoop(Loop& its_loop) : loop(its_loop) {}
  void on_task_done() override { loop.stop(); }
  Loop& loop;
};

// The function itself, then whatever keeps the loop alive.
Outcome run_function(Loop& loop, WorkerStart& start, brigade::detail::TaskScope& scope) {
  ThreadStop& stop = start.core->stop;
  Outcome outcome;
  if (stop.requested()) return outcome;
  try {
    StopsLoop owner(loop);
    Task<int> root = start.entry->run();
    if (!root.start(&owner, &scope)) loop.run();
    if (root.finished()) outcome.code = root.take_result();
    stop.root_ended();
    if (!stop.requested()) loop.run_until_idle();
  } catch (const brigade::detail::ExitRequest& request) {
    outcome.code = request.code;
  } catch (const Cancelled&) {
    outcome.code = 1;
    if (!stop.requested()) outcome.failure = std::current_exception();
  } catch (...) {
    outcome = {.code = 1, .failure = std::current_exception()};
  }
  return outcome;
}

void run_exit_hooks(ThreadContext& context, Outcome& outcome) {
  while (!context.exit_hooks.empty()) {
    const auto hook = std::move(context.exit_hooks.back());
    context.exit_hooks.pop_back();
    try {
      hook(outcome.code);
    } catch (const brigade::detail::ExitRequest& request) {
      outcome.code = request.code;
    } catch (...) {
      if (!outcome.failure) outcome = {.code = 1, .failure = std::current_exception()};
    }
  }
}

}  // namespace

void worker_main(WorkerStart start) {
  const std::shared_ptr<WorkerCore> core = start.core;
  Outcome outcome;
  ThreadContext context;
  context.id = core->id;
  context.name = core->name;
  context.worker_data = std::move(start.worker_data);
  context.parent_port = brigade::detail::PortCore::make_port(core->pair, WorkerCore::threads_side);
  context.environment = std::move(start.environment);
  context.environment_data.adopt(std::move(start.environment_data));
  context.stop = core->stop.token();
  if (start.capture_output) {
    context.output = [&core](std::string text, bool is_error) {
      core->tell(is_error ? WorkerCore::error_output : WorkerCore::output, Value(std::move(text)));
    };
  }
  set_worker_context(&context);
  brigade::detail::set_thread_stop_word(&core->stop.word());
  try {
    Loop loop;
    loop.use_meter(core->meter);
    core->began_ns.set(loop.now().time_since_epoch().count());
    brigade::detail::TaskScope scope(core->name.c_str(), nullptr);
    core->stop.enter(loop, scope);
    core->tell(WorkerCore::online);
    outcome = run_function(loop, start, scope);
    if (context.exit_code && !outcome.failure) outcome.code = *context.exit_code;
    if (core->stop.requested()) {
      outcome.code = 1;
    } else {
      run_exit_hooks(context, outcome);
    }
    core->stop.leave();
    // Before the loop goes: their handlers live on it.
    start.entry.reset();
    context.parent_port = MessagePort();
    context.worker_data = Value();
  } catch (...) {  // no descriptors for a loop
    outcome = {.code = 1, .failure = std::current_exception()};
  }
  run_at_end(context);
  brigade::detail::set_thread_stop_word(nullptr);
  set_worker_context(nullptr);

  core->failure = std::move(outcome.failure);
  core->exit_code = outcome.code;
  if (core->failure) core->tell(WorkerCore::error);
  core->tell(WorkerCore::exit);
}

}  // namespace brigade::threads::detail
