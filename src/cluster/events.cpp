#include <brigade/cluster.hpp>

#include <deque>

#include "cluster/primary_core.hpp"

namespace brigade::cluster {
namespace detail {

class EventQueue {
 public:
  class Wait final : public brigade::detail::Awaiter {
   public:
    explicit Wait(EventQueue& queue) : Awaiter("event of a worker"), queue_(queue) {}
    ~Wait() { leave(); }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
      if (!enter(waiter) || queue_.has_news()) return false;
      queue_.waiting_ = this;
      return true;
    }
    void await_resume() const { throw_if_cancelled(); }
    void end() {
      leave();
      resume_later();
    }

   private:
    void leave() {
      if (queue_.waiting_ == this) queue_.waiting_ = nullptr;
    }
    void on_cancel() override { end(); }
    EventQueue& queue_;
  };

  void put(WorkerEvent event) {
    if (events_.size() == most) events_.pop_front();
    events_.push_back(std::move(event));
    if (waiting_) waiting_->end();
  }
  void close() {
    closed_ = true;
    if (waiting_ && Loop::try_current()) waiting_->end();
  }
  std::optional<WorkerEvent> take() {
    if (events_.empty()) return std::nullopt;
    WorkerEvent out = std::move(events_.front());
    events_.pop_front();
    return out;
  }
  bool has_news() const { return closed_ || !events_.empty(); }

 private:
  static constexpr std::size_t most = 4096;
  std::deque<WorkerEvent> events_;
  Wait* waiting_ = nullptr;
  bool closed_ = false;
};

namespace {

/// What the primary's callbacks hold: the queue ends with them, and does not keep a reader alive.
class EventSource {
 public:
  explicit EventSource(const std::shared_ptr<EventQueue>& queue) : queue_(queue) {}
  EventSource(const EventSource&) = delete;
  EventSource& operator=(const EventSource&) = delete;
  ~EventSource() {
    if (const auto queue = queue_.lock()) queue->close();
  }
  void put(WorkerEvent::Kind kind, const Worker& worker, std::string address = {},
           ExitStatus status = {}) {
    const auto queue = queue_.lock();
    if (!queue) return;
    queue->put({kind, worker.id(), worker.number(), worker.pid(), std::move(address), status,
                worker.exited_after_disconnect()});
  }

 private:
  std::weak_ptr<EventQueue> queue_;
};

}  // namespace
}  // namespace detail

EventStream Primary::events() {
  using Kind = WorkerEvent::Kind;
  auto queue = std::make_shared<detail::EventQueue>();
  auto source = std::make_shared<detail::EventSource>(queue);
  on_fork([source](Worker& worker) { source->put(Kind::fork, worker); });
  on_online([source](Worker& worker) { source->put(Kind::online, worker); });
  on_listening([source](Worker& worker, const std::string& address) {
    source->put(Kind::listening, worker, address);
  });
  on_disconnect([source](Worker& worker) { source->put(Kind::disconnect, worker); });
  on_exit(
      [source](Worker& worker, ExitStatus status) { source->put(Kind::exit, worker, {}, status); });
  return EventStream(std::move(queue));
}

Task<std::optional<WorkerEvent>> EventStream::next() {
  const auto queue = queue_;  // the stream may be moved meanwhile
  while (!queue->has_news()) co_await detail::EventQueue::Wait(*queue);
  co_return queue->take();
}

}  // namespace brigade::cluster
