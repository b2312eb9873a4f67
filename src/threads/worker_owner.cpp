#include "threads/worker_owner.hpp"

#include <brigade/log.hpp>

#include <ctime>
#include <stdexcept>

#include "threads/thread_context.hpp"

namespace brigade::threads::detail {

using brigade::detail::Envelope;

namespace {

std::shared_ptr<Environment> environment_for(WorkerOptions& options) {
  if (options.share_env) return context().environment;
  if (options.env) return std::make_shared<Environment>(std::move(*options.env));
  return std::make_shared<Environment>(context().environment->all());
}

}  // namespace

WorkerOwner::WorkerOwner(std::unique_ptr<ThreadEntry> entry, WorkerOptions options)
    : core_(std::make_shared<WorkerCore>(std::move(options.name), options.max_queue)),
      flush_(*this) {
  // Ports leave this thread with their queues, without the handlers that they had here.
  if (Result<void> good = brigade::detail::detach_ports(options.worker_data.value); !good) {
    throw MessageError(good.error());
  }
  // Shared, because std::function copies what it holds; the thread empties it.
  auto start =
      std::make_shared<WorkerStart>(WorkerStart{.core = core_,
                                                .entry = std::move(entry),
                                                .worker_data = std::move(options.worker_data.value),
                                                .environment = environment_for(options),
                                                .environment_data = environment_data_snapshot(),
                                                .capture_output = options.capture_output});
  core_->to_owner().make_room_in(nullptr);
  held_.make_room_in(&core_->to_owner());
  MailPump::start(core_->to_owner());
  Result<brigade::detail::Thread> thread =
      brigade::detail::Thread::start({.name = core_->name, .stack_size = options.stack_size},
                                     [start] { worker_main(std::move(*start)); });
  if (thread) {
    thread_ = std::move(*thread);
  } else {
    core_->failure = std::make_exception_ptr(ErrorException(thread.error()));
    core_->tell(WorkerCore::error);
    core_->tell(WorkerCore::exit);
  }
}

WorkerOwner::~WorkerOwner() {
  if (destroyed_) *destroyed_ = true;
  MailPump::stop();
  core_->stop.request();
  core_->to_owner().abandon();  // a thread that waits for room here must not wait for ever
  thread_.join();
  core_->to_thread().put(Envelope{.kind = Envelope::end});
  held_.abandon();
  while (ExitWait* wait = waiting_.pop_front()) {
    wait->owner_ = nullptr;
    wait->resume_later();
  }
}

void WorkerOwner::set_handler(std::shared_ptr<brigade::detail::MessageHandler> handler) {
  if (held_.armed()) {
    throw std::logic_error("a worker thread with a message handler, and a receive() that waits");
  }
  held_.pumped = true;  // a receive() from now on says the same
  handler_ = std::move(handler);
  if (held_.waiting() > 0 && !flush_.linked()) Loop::current().run_later(flush_);
}

bool WorkerOwner::begin_wait(ExitWait& wait) {
  if (exited_) {
    tell_of_end(wait);
    return false;
  }
  waiting_.push_back(wait);
  return true;
}

// All that it needs from here: when it is resumed, this may be gone.
void WorkerOwner::tell_of_end(ExitWait& wait) {
  wait.owner_ = nullptr;
  if (wait.rethrows_) wait.failure_ = std::exchange(unheard_, nullptr);
}

std::optional<Duration> WorkerOwner::cpu_time() const {
  clockid_t clock{};
  timespec time{};
  if (!thread_.joinable() || ::pthread_getcpuclockid(thread_.native(), &clock) != 0 ||
      ::clock_gettime(clock, &time) != 0) {
    return std::nullopt;
  }
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void WorkerOwner::on_envelope(Envelope& envelope) {
  switch (envelope.kind) {
    case Envelope::message:
      return on_worker_message(envelope);
    case WorkerCore::online: {
      online_ = true;
      if (const auto callback = on_online) callback();
      return;
    }
    case WorkerCore::output:
    case WorkerCore::error_output: {
      const bool is_error = envelope.kind == WorkerCore::error_output;
      if (const auto callback = on_output) callback(envelope.value.as_string(), is_error);
      return;
    }
    case WorkerCore::error:
      return on_worker_error();
    case WorkerCore::exit:
      return on_worker_exit();
    default:  // the end of the thread's port: its exit follows
      return;
  }
}

void WorkerOwner::on_worker_message(Envelope& envelope) {
  // Behind those that wait already, if any.
  if (!handler_ || held_.waiting() > 0) {
    held_.put(Envelope{.value = std::move(envelope.value)});
    return;
  }
  core_->to_owner().made_room();
  handle(std::move(envelope.value));
}

void WorkerOwner::handle(Value&& message) {
  const auto handler = handler_;
  const auto on_wrong = on_message_error;
  const Result<void> taken = handler->handle(std::move(message));
  if (taken) return;
  if (on_wrong) return on_wrong(MessageError(taken.error()));
  log::warn("a message of worker thread \"{}\" was dropped: {}", core_->name,
            taken.error().message());
}

void WorkerOwner::Flush::on_ready() {
  owner.hand_over_held();
}

// False when a handler has destroyed this.
bool WorkerOwner::hand_over_held() {
  Loop& loop = Loop::current();
  bool destroyed = false;
  destroyed_ = &destroyed;
  Envelope envelope;
  while (handler_ && !held_.ended() && held_.take(envelope)) {
    if (envelope.kind == Envelope::end) break;
    try {
      handle(std::move(envelope.value));
    } catch (...) {
      loop.fail(std::current_exception());
    }
    if (destroyed) return false;
  }
  destroyed_ = nullptr;
  return true;
}

void WorkerOwner::on_worker_error() {
  if (const auto callback = on_error) return callback(core_->failure);
  bool awaited = false;
  waiting_.for_each([&awaited](ExitWait& wait) { awaited = awaited || wait.rethrows_; });
  if (!awaited) std::rethrow_exception(core_->failure);  // up: this thread's loop fails with it
  unheard_ = core_->failure;
}

void WorkerOwner::on_worker_exit() {
  if (!hand_over_held()) return;
  thread_.join();
  exited_ = true;
  core_->to_thread().put(Envelope{.kind = Envelope::end});
  held_.put(Envelope{.kind = Envelope::end});
  MailPump::stop();
  while (ExitWait* wait = waiting_.pop_front()) {
    tell_of_end(*wait);
    wait->resume_later();
  }
  if (const auto callback = on_exit) callback(core_->exit_code);
}

}  // namespace brigade::threads::detail
