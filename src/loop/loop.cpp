#include <brigade/log.hpp>
#include <brigade/loop.hpp>
#include <brigade/result.hpp>
#include <brigade/system.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/cpu_time.hpp"

namespace brigade {
namespace {

thread_local Loop* current_loop = nullptr;
thread_local std::function<void()> at_next_loop;

std::uint64_t nanos(Duration duration) {
  return static_cast<std::uint64_t>(duration.count());
}

// Stands in the inbox, in place of an empty one, while the loop sleeps. That the inbox and "is it
// asleep" are one word is the point: whoever replaces the mark, and nobody else, owes the loop a
// write; all others are done with the loop once their node is in, so its mail may end it.
detail::InboxNode* asleep() {
  static std::uint64_t mark = 0;
  return reinterpret_cast<detail::InboxNode*>(&mark);
}

// Waking a sleeping core takes some 30 us, so a loop whose mail comes quickly looks out for more
// this long before it sleeps. (Karlin et al., "Empirical studies of competitive spinning for a
// shared-memory multiprocessor", SOSP 1991: spinning for about as long as a sleep costs is never
// much worse than knowing beforehand.)
constexpr Duration spin_time = std::chrono::microseconds(40);
// A sleep shorter than this that ended with mail is one that spinning might have saved.
constexpr Duration short_sleep = std::chrono::microseconds(200);

bool can_spin() {
  static const bool several = available_parallelism() > 1;
  return several;
}

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

class PostedFunction final : public detail::InboxNode {
 public:
  explicit PostedFunction(std::function<void()> function) : function_(std::move(function)) {}
  void on_delivered() override {
    const std::unique_ptr<PostedFunction> self(this);
    function_();
  }
  void on_dropped() override { delete this; }

 private:
  std::function<void()> function_;
};

}  // namespace

Loop::Loop(LoopOptions options)
    : clock_(*options.clock),
      poller_(options.poller ? std::move(options.poller) : make_epoll_poller()),
      now_(clock_.now()),
      turn_began_(now_),
      ready_since_(now_),
      lag_window_ends_(now_ + std::chrono::seconds(1)),
      cpu_refresh_at_(now_),
      outer_(current_loop),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw ErrorException(Error::from_errno(errno, "eventfd"));
  if (!poller_->add(wake_.get(), EPOLLIN | EPOLLET, *this)) {
    throw ErrorException(Error::from_errno(errno, "epoll_ctl"));
  }
  wheel_.advance(now_ms());
  // Busy from the start: a program that hangs before its first sleep shows.
  meter_->busy_since_ns.set(nanos(now_.time_since_epoch()));
  current_loop = this;
  if (at_next_loop) std::exchange(at_next_loop, nullptr)();
}

Loop::~Loop() {
  end_clients();
  drain_inbox();
  end_clients();  // of what that ran
  collect_inbox();
  while (detail::InboxNode* node = mail_first_) {
    mail_first_ = node->next_;
    node->on_dropped();
  }
  // A thread that found us asleep may still be about to write to the eventfd. Each write adds one.
  for (std::uint64_t seen = 0; seen < wakes_;) {
    pollfd ready{wake_.get(), POLLIN, 0};
    ::poll(&ready, 1, -1);
    std::uint64_t count = 0;
    if (::read(wake_.get(), &count, sizeof count) == sizeof count) seen += count;
  }
  Loop** link = &current_loop;
  while (*link && *link != this) link = &(*link)->outer_;
  if (*link) *link = outer_;
}

void Loop::end_clients() {
  while (detail::LoopClient* client = clients_.pop_front()) client->on_loop_end();
}

Loop& Loop::current() {
  if (!current_loop) throw std::logic_error("this thread runs no event loop (see run_main)");
  return *current_loop;
}

Loop* Loop::try_current() {
  return current_loop;
}

void Loop::run() {
  stopped_ = failure_ != nullptr;  // what failed before this counts
  while (!stopped_) turn(true);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Loop::run_until_idle() {
  stopped_ = failure_ != nullptr;
  while (!stopped_ && refs_ > 0) turn(true);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Loop::fail(std::exception_ptr error) {
  if (!failure_) failure_ = std::move(error);
  stop();
}

void Loop::turn(bool may_wait) {
  const TimePoint before = clock_.now();
  end_turn(before);
  const int timeout = may_wait ? timeout_ms(before) : 0;
  if (timeout != 0) {
    sleep(timeout, before);
  } else {
    now_ = before;
    event_count_ = poller_->wait(events_, 0);
  }
  turn_began_ = now_;
  // A sleep means that nothing was left over.
  if (!crowded_ || now_ - before > std::chrono::milliseconds(1)) ready_since_ = now_;
  crowded_ = event_count_ == static_cast<int>(events_.size());
  detail::running_task = nullptr;
  meter_->turns.add();

  for (event_next_ = 0; event_next_ < event_count_;) {
    const epoll_event& event = events_[static_cast<std::size_t>(event_next_++)];
    if (!event.data.ptr) continue;  // unwatched by an earlier callback of this turn
    budget_left_ = budget;
    static_cast<Watcher*>(event.data.ptr)->on_event(event.events);
  }
  event_count_ = 0;
  drain_inbox();
  const std::optional<std::uint64_t> next = wheel_.next();
  if (next && *next <= now_ms()) wheel_.advance(now_ms());
  run_ready();
}

void Loop::sleep(int timeout, TimePoint before) {
  meter_->busy_since_ns.set(0);
  const bool spun = spin_rule_.spins();
  if (!spun || !spin()) {
    detail::InboxNode* empty = nullptr;
    const bool sleeps = inbox_.compare_exchange_strong(empty, asleep());
    event_count_ = poller_->wait(events_, sleeps ? timeout : 0);
    detail::InboxNode* mark = asleep();
    if (sleeps && !inbox_.compare_exchange_strong(mark, nullptr)) {
      ++wakes_;
      now_ = clock_.now();
      if (now_ - before < short_sleep) {
        if (can_spin()) spin_rule_.missed();
      } else if (spun) {
        spin_rule_.came_late(now_ - before);
      }
    }
  }
  now_ = clock_.now();
  meter_->idle_ns.add(nanos(now_ - before));
  meter_->busy_since_ns.set(nanos(now_.time_since_epoch()));
  if (unwatched_ && unwatched_->load(std::memory_order_relaxed) != 0) [[unlikely]] {
    unwatched_->store(0, std::memory_order_relaxed);
    on_busy_();
  }
}

// True when there is something to do. Looks at the descriptors, too, so that a request does not
// wait for the end of a spin that is about mail.
bool Loop::spin() {
  const TimePoint until = monotonic_now() + spin_time;
  do {
    for (int round = 0; round < 64; ++round) {
      if (inbox_.load(std::memory_order_relaxed)) {
        event_count_ = poller_->wait(events_, 0);
        spin_rule_.paid();
        return true;
      }
      relax();
    }
    event_count_ = poller_->wait(events_, 0);
    if (event_count_ > 0) return true;
  } while (monotonic_now() < until);
  spin_rule_.did_not_pay();
  return false;
}

void Loop::end_turn(TimePoint at) {
  const std::uint64_t took = nanos(at - turn_began_);
  meter_->busy_ns.add(took);
  lag_window_ns_ = std::max(lag_window_ns_, took);
  if (at >= lag_window_ends_) {
    meter_->lag_ns.set(lag_window_ns_);
    lag_window_ns_ = 0;
    lag_window_ends_ = at + std::chrono::seconds(1);
  }
  if (at >= cpu_refresh_at_) {
    const std::uint64_t cpu = detail::thread_cpu_ns();
    meter_->cpu_ns.add(cpu - std::exchange(cpu_seen_ns_, cpu));
    cpu_refresh_at_ = at + std::chrono::milliseconds(100);
  }
}

int Loop::timeout_ms(TimePoint at) const {
  if (!ready_.empty() || mail_first_)
    return 0;  // withdraw() may have collected mail after the drain
  const std::optional<std::uint64_t> next = wheel_.next();
  if (!next) return -1;
  // Rounded up: a timer may be a little late, never early.
  const std::uint64_t target = *next * 1'000'000;
  const std::uint64_t now = nanos(at.time_since_epoch());
  if (target <= now) return 0;
  return static_cast<int>(std::min<std::uint64_t>((target - now + 999'999) / 1'000'000, 1 << 30));
}

void Loop::run_ready() {
  // Only what is there now: a node that queues itself again waits for the next turn, behind I/O.
  detail::List<detail::ReadyNode> batch;
  batch.take(ready_);
  while (detail::ReadyNode* node = batch.pop_front()) {
    budget_left_ = budget;
    node->on_ready();
  }
}

void Loop::deliver(detail::InboxNode& node) {
  detail::InboxNode* newest = inbox_.load(std::memory_order_relaxed);
  do {
    node.next_ = newest == asleep() ? nullptr : newest;
  } while (!inbox_.compare_exchange_weak(newest, &node, std::memory_order_acq_rel,
                                         std::memory_order_relaxed));
  if (newest != asleep()) return;
  const std::uint64_t one = 1;
  // Cannot fail for want of room: it would take 2^64 - 2 unread wake-ups.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Loop::post(std::function<void()> function) {
  deliver(*new PostedFunction(std::move(function)));
}

void Loop::collect_inbox() {
  detail::InboxNode* stack = inbox_.exchange(nullptr, std::memory_order_acquire);
  detail::InboxNode* first = nullptr;
  detail::InboxNode* last = stack;  // newest first on the stack, oldest first in the mail
  while (stack) {
    detail::InboxNode* next = stack->next_;
    stack->next_ = first;
    first = stack;
    stack = next;
  }
  if (!first) return;
  *mail_end_ = first;
  mail_end_ = &last->next_;
}

void Loop::drain_inbox() {
  if (!mail_first_ && !inbox_.load(std::memory_order_relaxed)) return;
  collect_inbox();
  while (detail::InboxNode* node = mail_first_) {
    mail_first_ = node->next_;
    if (!mail_first_) mail_end_ = &mail_first_;
    budget_left_ = budget;
    node->on_delivered();
  }
}

void Loop::withdraw(detail::InboxNode& node) {
  collect_inbox();
  for (detail::InboxNode** link = &mail_first_; *link; link = &(*link)->next_) {
    if (*link != &node) continue;
    *link = node.next_;
    if (!*link) mail_end_ = link;
    return;
  }
}

void Loop::on_event(std::uint32_t) {
  // The eventfd is edge-triggered and never read: each write is an edge, and its value is of no
  // use.
}

void Loop::arm(Timer& timer, Duration delay) {
  // Unsigned: "for ever" (Duration::max()) must not overflow.
  const std::uint64_t at =
      nanos(now_.time_since_epoch()) + nanos(std::max(delay, Duration::zero()));
  wheel_.arm(timer, (at + 999'999) / 1'000'000);
}

bool Loop::watch(int fd, std::uint32_t events, Watcher& watcher) {
  return poller_->add(fd, events, watcher);
}

void Loop::unwatch(int fd, Watcher& watcher) {
  poller_->remove(fd);
  for (int index = event_next_; index < event_count_; ++index) {
    epoll_event& event = events_[static_cast<std::size_t>(index)];
    if (event.data.ptr == &watcher) event.data.ptr = nullptr;
  }
}

void Loop::use_meter(LoopMeter& meter) {
  meter.busy_since_ns.set(meter_->busy_since_ns.get());
  for (auto field :
       {&LoopMeter::busy_ns, &LoopMeter::idle_ns, &LoopMeter::turns, &LoopMeter::cpu_ns}) {
    (meter.*field).add((meter_->*field).get());
  }
  meter_ = &meter;
}

std::vector<TaskInfo> Loop::tasks() {
  std::vector<TaskInfo> out;
  root_scopes_.for_each([&out](detail::TaskScope& scope) {
    const char* waiting = scope.waiting_for();
    out.push_back(
        {scope.name(),
         std::string(scope.where().file_name()) + ":" + std::to_string(scope.where().line()),
         waiting ? waiting : ""});
  });
  return out;
}

void detail::on_next_loop(std::function<void()> function) {
  at_next_loop = std::move(function);
}

void detail::report_uncaught(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    log::error("uncaught exception: {}", caught.what());
  } catch (...) {
    log::error("uncaught exception that is not a std::exception");
  }
}

}  // namespace brigade
