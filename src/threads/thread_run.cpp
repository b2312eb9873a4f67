#include <brigade/log.hpp>
#include <brigade/thread_run.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <string>

#include "threads/thread.hpp"
#include "threads/thread_context.hpp"
#include "threads/thread_stop.hpp"

namespace brigade::threads::detail {
namespace {

// Warns, once in the life of the process, of threads that come as fast as requests do.
void note_start() {
  static constexpr std::size_t many = 200;
  static constexpr Duration soon = std::chrono::seconds(1);
  static std::atomic<std::size_t> count{0};
  static std::array<std::atomic<TimePoint::rep>, many> starts{};
  const TimePoint::rep now = monotonic_now().time_since_epoch().count();
  const std::size_t index = count.fetch_add(1, std::memory_order_relaxed);
  const TimePoint::rep before = starts[index % many].exchange(now, std::memory_order_relaxed);
  static std::atomic<bool> warned{false};
  if (before == 0 || now - before > soon.count() || warned.exchange(true)) return;
  log::warn("threads::run has started {} threads within a second; a ThreadPool keeps its threads",
            many);
}

}  // namespace

struct ThreadRunBase::State {
  RunOptions options;
  Loop* loop = nullptr;
  std::shared_ptr<Environment> environment;  // its maker's
  EnvironmentSnapshot environment_data;
  brigade::detail::Thread thread;
  ThreadStop stop;
  std::exception_ptr failure;
  std::uint32_t thread_id = 0;
  bool told = false;
};

ThreadRunBase::ThreadRunBase(RunOptions options)
    : Awaiter("thread"), state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}

ThreadRunBase::~ThreadRunBase() = default;

void ThreadRunBase::begin() {
  note_start();
  state_->loop = &Loop::current();
  state_->environment = context().environment;
  state_->environment_data = environment_data_snapshot();
  Result<brigade::detail::Thread> thread = brigade::detail::Thread::start(
      {.name = state_->options.name, .stack_size = state_->options.stack_size},
      [this] { thread_main(); });
  state_->thread = std::move(thread).value();
}

void ThreadRunBase::thread_main() {
  ThreadContext context;
  context.id = next_thread_id();
  context.name = state_->options.name;
  context.environment = state_->environment;
  context.environment_data.adopt(std::move(state_->environment_data));
  context.stop = state_->stop.token();
  set_worker_context(&context);
  brigade::detail::set_thread_stop_word(&state_->stop.word());
  try {
    if (wants_loop()) {
      run_on_loop();
    } else {
      work();
    }
  } catch (const brigade::detail::ExitRequest& request) {
    // Not as it is: where somebody waits for this thread, it would end that one.
    state_->failure = std::make_exception_ptr(
        ErrorException(Error(ECANCELED, "threads::run: the thread ended itself by threads::exit(" +
                                            std::to_string(request.code) + "), without a result")));
  } catch (...) {
    state_->failure = std::current_exception();
  }
  run_at_end(context);
  brigade::detail::set_thread_stop_word(nullptr);
  set_worker_context(nullptr);
  state_->loop->deliver(*this);
}

void ThreadRunBase::run_on_loop() {
  struct StopsLoop final : brigade::detail::TaskOwner {
    explicit StopsLoop(Loop& its_loop) : loop(its_loop) {}
    void on_task_done() override { loop.stop(); }
    Loop& loop;
  };
  // Whatever is thrown: nobody may ask a loop to stop that is not there any more.
  struct Stoppable {
    Stoppable(ThreadStop& its_stop, Loop& loop, brigade::detail::TaskScope& scope)
        : stop(its_stop) {
      stop.enter(loop, scope);
    }
    ~Stoppable() { stop.leave(); }
    ThreadStop& stop;
  };
  Loop loop;
  brigade::detail::TaskScope scope(state_->options.name.c_str(), nullptr);
  const Stoppable stoppable(state_->stop, loop, scope);
  StopsLoop owner(loop);
  Task<> root = work_on_loop();
  if (!root.start(&owner, &scope)) loop.run();
  if (!root.finished()) throw Cancelled(CancelReason::shutdown);  // somebody stopped the loop
  root.take_result();
}

void ThreadRunBase::on_delivered() {
  state_->told = true;
  state_->thread.join();
  resume();
}

void ThreadRunBase::on_cancel() {
  state_->stop.request();  // and wait: the frame is the thread's to use until it ends
}

void ThreadRunBase::finish() {
  if (!state_->thread.joinable()) return;
  state_->stop.request();
  state_->thread.join();
  if (!state_->told) state_->loop->withdraw(*this);
}

void ThreadRunBase::rethrow() {
  if (state_->failure) std::rethrow_exception(state_->failure);
}

}  // namespace brigade::threads::detail
