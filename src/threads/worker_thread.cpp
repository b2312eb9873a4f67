#include <brigade/worker_thread.hpp>

#include "threads/worker_owner.hpp"

namespace brigade::threads {
namespace {

EventLoopUtilization with_ratio(Duration idle, Duration active) {
  const Duration all = idle + active;
  const double ratio =
      all.count() > 0 ? static_cast<double>(active.count()) / static_cast<double>(all.count()) : 0;
  return {.idle = idle, .active = active, .utilization = ratio};
}

}  // namespace

EventLoopUtilization EventLoopUtilization::since(const EventLoopUtilization& earlier) const {
  return with_ratio(idle - earlier.idle, active - earlier.active);
}

EventLoopUtilization event_loop_utilization() {
  Loop& loop = Loop::current();
  const auto idle = static_cast<Duration::rep>(loop.meter().idle_ns.get());
  const auto active = static_cast<Duration::rep>(loop.meter().busy_ns.get());
  // The turn under way is not in the meter yet.
  return with_ratio(Duration(idle), Duration(active) + (monotonic_now() - loop.now()));
}

bool ExitWait::begin() {
  return owner_ && owner_->begin_wait(*this);
}

void ExitWait::on_cancel() {
  unlink();
  resume_later();
}

int ExitWait::await_resume() {
  throw_if_cancelled();
  if (failure_) std::rethrow_exception(std::move(failure_));
  return core_->exit_code;
}

Worker::Worker(std::unique_ptr<detail::ThreadEntry> entry, WorkerOptions options)
    : owner_(std::make_unique<detail::WorkerOwner>(std::move(entry), std::move(options))) {}
Worker::Worker(Worker&& other) noexcept = default;
Worker& Worker::operator=(Worker&& other) noexcept = default;
Worker::~Worker() = default;

Result<void> Worker::post_message(Value&& message) {
  detail::WorkerCore& core = owner_->core();
  return brigade::detail::post_message(core.to_thread(), core.pair.get(), std::move(message));
}

brigade::detail::SendToPort Worker::send_value(Result<Value> message) {
  return {owner_->core().pair, detail::WorkerCore::threads_side, std::move(message)};
}

brigade::detail::Mailbox* Worker::mailbox() {
  return &owner_->held();
}

void Worker::set_handler(std::shared_ptr<brigade::detail::MessageHandler> handler) {
  owner_->set_handler(std::move(handler));
}

void Worker::on_online(std::function<void()> callback) {
  owner_->on_online = std::move(callback);
}

void Worker::on_message_error(std::function<void(const MessageError&)> callback) {
  owner_->on_message_error = std::move(callback);
}

void Worker::on_output(std::function<void(std::string_view text, bool is_error)> callback) {
  owner_->on_output = std::move(callback);
}

void Worker::on_error(std::function<void(std::exception_ptr error)> callback) {
  owner_->on_error = std::move(callback);
}

void Worker::on_exit(std::function<void(int code)> callback) {
  owner_->on_exit = std::move(callback);
}

ExitWait Worker::exited() {
  return owner_->wait_for_exit(true);
}

ExitWait Worker::terminate() {
  owner_->core().stop.request();
  owner_->ref();  // so that its end is seen, also by an owner that had let go of it
  return owner_->wait_for_exit(false);
}

bool Worker::running() const {
  return !owner_->exited();
}

std::uint32_t Worker::thread_id() const {
  return owner_->core().id;
}

const std::string& Worker::name() const {
  return owner_->core().name;
}

EventLoopUtilization Worker::event_loop_utilization() const {
  const detail::WorkerCore& core = owner_->core();
  if (!owner_->is_online() || owner_->exited()) return {};
  const Duration life = monotonic_now().time_since_epoch() - Duration(core.began_ns.get());
  // The meter lacks what has not ended yet: the turn, or the sleep, under way. The rest of the
  // thread's life is that one.
  const bool awake = core.meter.busy_since_ns.get() > 0;
  const auto known = awake ? core.meter.idle_ns.get() : core.meter.busy_ns.get();
  const Duration rest =
      std::max(life - Duration(static_cast<Duration::rep>(known)), Duration::zero());
  return awake ? with_ratio(life - rest, rest) : with_ratio(rest, life - rest);
}

std::optional<Duration> Worker::cpu_time() const {
  return owner_->cpu_time();
}

void Worker::ref() {
  owner_->ref();
}

void Worker::unref() {
  owner_->unref();
}

bool Worker::has_ref() const {
  return owner_->has_ref();
}

}  // namespace brigade::threads
