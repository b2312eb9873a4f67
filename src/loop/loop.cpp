#include <brigade/loop.hpp>
#include <brigade/result.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>

namespace brigade {
namespace {

thread_local Loop* current_loop = nullptr;

// The meter's fields have one writer, so a plain load and store will do, and costs no locked cycle.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

std::uint64_t nanos(Duration duration) { return static_cast<std::uint64_t>(duration.count()); }

std::uint64_t thread_cpu_ns() {
  timespec at{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(at.tv_nsec);
}

class PostedFunction final : public detail::InboxNode {
 public:
  explicit PostedFunction(std::function<void()> function) : function_(std::move(function)) {}
  void on_delivered() override {
    const std::unique_ptr<PostedFunction> self(this);
    function_();
  }

 private:
  std::function<void()> function_;
};

}  // namespace

Loop::Loop(LoopOptions options)
    : clock_(*options.clock),
      poller_(options.poller ? std::move(options.poller) : make_epoll_poller()),
      now_(clock_.now()),
      turn_began_(now_),
      lag_window_ends_(now_ + std::chrono::seconds(1)),
      cpu_refresh_at_(now_),
      outer_(current_loop),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw ErrorException(Error::from_errno(errno, "eventfd"));
  if (!poller_->add(wake_.get(), EPOLLIN | EPOLLET, *this)) {
    throw ErrorException(Error::from_errno(errno, "epoll_ctl"));
  }
  wheel_.advance(now_ms());
  current_loop = this;
}

Loop::~Loop() {
  drain_inbox();
  current_loop = outer_;
}

Loop& Loop::current() {
  if (!current_loop) throw std::logic_error("this thread runs no event loop (see run_main)");
  return *current_loop;
}

Loop* Loop::try_current() { return current_loop; }

void Loop::run() {
  stopped_ = false;
  while (!stopped_) turn(true);
}

void Loop::turn(bool may_wait) {
  const TimePoint before = clock_.now();
  end_turn(before);
  const int timeout = may_wait ? timeout_ms(before) : 0;
  if (timeout != 0) {
    meter_->busy_since_ns.store(0, std::memory_order_relaxed);
    // Dekker's handshake with deliver(): either we see its node here, or it sees us asleep and writes.
    sleeping_.store(true, std::memory_order_seq_cst);
    const bool mail = inbox_.load(std::memory_order_seq_cst) != nullptr;
    event_count_ = poller_->wait(events_, mail ? 0 : timeout);
    sleeping_.store(false, std::memory_order_relaxed);
    now_ = clock_.now();
    add(meter_->idle_ns, nanos(now_ - before));
    meter_->busy_since_ns.store(nanos(now_.time_since_epoch()), std::memory_order_relaxed);
  } else {
    now_ = before;
    event_count_ = poller_->wait(events_, 0);
  }
  turn_began_ = now_;
  add(meter_->turns, 1);

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

void Loop::end_turn(TimePoint at) {
  const std::uint64_t took = nanos(at - turn_began_);
  add(meter_->busy_ns, took);
  lag_window_ns_ = std::max(lag_window_ns_, took);
  if (at >= lag_window_ends_) {
    meter_->lag_ns.store(lag_window_ns_, std::memory_order_relaxed);
    lag_window_ns_ = 0;
    lag_window_ends_ = at + std::chrono::seconds(1);
  }
  if (at >= cpu_refresh_at_) {
    meter_->cpu_ns.store(thread_cpu_ns(), std::memory_order_relaxed);
    cpu_refresh_at_ = at + std::chrono::milliseconds(100);
  }
}

int Loop::timeout_ms(TimePoint at) const {
  if (!ready_.empty()) return 0;
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
  node.next_ = inbox_.load(std::memory_order_relaxed);
  while (!inbox_.compare_exchange_weak(node.next_, &node, std::memory_order_seq_cst)) {
  }
  if (!sleeping_.load(std::memory_order_seq_cst)) return;
  if (!sleeping_.exchange(false, std::memory_order_relaxed)) return;
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
  // The eventfd is edge-triggered and never read: each write is an edge, and its value is of no use.
}

void Loop::arm(Timer& timer, Duration delay) {
  const std::int64_t at = now_.time_since_epoch().count() + std::max<std::int64_t>(delay.count(), 0);
  wheel_.arm(timer, static_cast<std::uint64_t>(at + 999'999) / 1'000'000);
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
  for (auto field : {&LoopMeter::busy_since_ns, &LoopMeter::busy_ns, &LoopMeter::idle_ns,
                     &LoopMeter::turns, &LoopMeter::cpu_ns}) {
    add(meter.*field, (meter_->*field).load(std::memory_order_relaxed));
  }
  meter_ = &meter;
}

std::vector<TaskInfo> Loop::tasks() {
  std::vector<TaskInfo> out;
  root_scopes_.for_each([&out](detail::TaskScope& scope) {
    const char* waiting = scope.waiting_for();
    out.push_back({scope.name(),
                   std::string(scope.where().file_name()) + ":" + std::to_string(scope.where().line()),
                   waiting ? waiting : ""});
  });
  return out;
}

}  // namespace brigade
