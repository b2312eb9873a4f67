// A letter goes to the target's loop, and its answer to the sender's.
//
// Invariants
// - A thread is in the directory while it has a listener. Whoever finds it there may deliver to its
//   loop, while holding the directory's mutex: the entry goes before the loop does.
// - A letter's mutex decides, once, what becomes of it: opened by the target, or revoked by the
//   sender. Its `sender` is null once nobody waits; until then that frame, and its loop, live.
// - Lock order: the directory, or a letter; never both.
#include <brigade/log.hpp>
#include <brigade/this_thread.hpp>
#include <brigade/thread_messages.hpp>

#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "message/port_core.hpp"
#include "threads/thread_context.hpp"

namespace brigade::threads {
namespace detail {

// Lives while it is in a loop's inbox (`self`), or its sender waits.
struct Letter final : brigade::detail::InboxNode {
  Letter(Value its_message, PostToThread& its_sender)
      : message(std::move(its_message)), source(thread_id()), sender(&its_sender) {}

  void on_delivered() override;
  void on_dropped() override { answer(PostOutcome::no_listener); }
  bool open();
  void answer(PostOutcome outcome);

  Value message;
  const std::uint32_t source;
  std::shared_ptr<Letter> self;  // the loop's thread only, once delivered

  std::mutex mutex;
  PostToThread* sender;  // guarded by mutex
};

namespace {

struct Directory {
  std::mutex mutex;
  std::map<std::uint32_t, Loop*> loops;  // guarded by mutex
};

Directory& directory() {
  static auto* const only = new Directory;  // never freed: threads may outlive static objects
  return *only;
}

class Listener final : public brigade::detail::LoopClient {
 public:
  ~Listener() { leave(); }

  void set(std::shared_ptr<ThreadMessageHandler> handler) {
    leave();
    if (handler) enter(Loop::current());
    handler_.swap(handler);  // the old one dies last: what it owns may do anything
  }
  std::shared_ptr<ThreadMessageHandler> handler() const { return handler_; }

  void on_loop_end() override { set(nullptr); }

 private:
  void enter(Loop& loop) {
    loop.add_client(*this);
    id_ = thread_id();
    const std::lock_guard lock(directory().mutex);
    directory().loops[id_] = &loop;
  }
  void leave() {
    if (!handler_) return;
    unlink();
    const std::lock_guard lock(directory().mutex);
    directory().loops.erase(id_);
  }

  std::shared_ptr<ThreadMessageHandler> handler_;
  std::uint32_t id_ = 0;
};

Listener& this_threads_listener() {
  thread_local Listener listener;
  return listener;
}

bool has_id() {
  return worker_context() || is_main_thread();
}

PostOutcome hand_over(Value&& message, std::uint32_t source) {
  const std::shared_ptr<ThreadMessageHandler> handler = this_threads_listener().handler();
  if (!handler) return PostOutcome::no_listener;
  try {
    handler->handle(std::move(message), source);
    return PostOutcome::delivered;
  } catch (const brigade::detail::ExitRequest&) {
    return PostOutcome::delivered;  // the loop knows
  } catch (const std::exception& caught) {
    log::warn("a message of thread {} failed in its listener: {}", source, caught.what());
  } catch (...) {
    log::warn("a message of thread {} failed in its listener", source);
  }
  return PostOutcome::errored;
}

}  // namespace

void Letter::on_delivered() {
  if (open()) {
    answer(hand_over(std::move(message), source));
  } else {
    answer(PostOutcome::timed_out);
  }
}

// False when it was revoked.
bool Letter::open() {
  const std::lock_guard lock(mutex);
  return sender != nullptr;
}

void Letter::answer(PostOutcome outcome) {
  const std::shared_ptr<Letter> keep = std::move(self);
  const std::lock_guard lock(mutex);
  if (!sender) return;
  sender->outcome_ = outcome;
  sender->told_ = true;
  sender->loop_->deliver(*sender);
  sender = nullptr;
}

void set_thread_message_handler(std::shared_ptr<ThreadMessageHandler> handler) {
  if (handler && !has_id()) {
    throw std::logic_error(
        "on_thread_message: neither a worker thread nor the main thread, so nobody can name it");
  }
  this_threads_listener().set(std::move(handler));
}

PostToThread::PostToThread(std::uint32_t id, Result<Value> message, Duration timeout)
    : Awaiter("thread's listener"), id_(id), message_(std::move(message)), timeout_(timeout) {}

PostToThread::~PostToThread() {
  leave();
}

bool PostToThread::begin() {
  if (has_id() && id_ == thread_id()) {
    outcome_ = PostOutcome::same_thread;
  } else if (message_ && send()) {
    return true;
  }
  if (brigade::detail::spend_budget()) return false;
  resume_later();
  return true;
}

// True when there is something to wait for.
bool PostToThread::send() {
  if (Result<void> good = brigade::detail::detach_ports(*message_); !good) {
    message_ = good.error();
    return false;
  }
  loop_ = &Loop::current();
  letter_ = std::make_shared<Letter>(std::move(*message_), *this);
  {
    const std::lock_guard lock(directory().mutex);
    const auto found = directory().loops.find(id_);
    if (found == directory().loops.end()) return false;
    letter_->self = letter_;
    found->second->deliver(*letter_);
  }
  if (timeout_ != Duration::max()) {
    loop_->read_clock();  // a timeout counts from now, not from this turn's start
    loop_->arm(*this, timeout_);
  }
  return true;
}

// False when the answer is on its way already, or has come.
bool PostToThread::leave() {
  if (!letter_) return false;
  bool told = false;
  bool waited = false;
  {
    const std::lock_guard lock(letter_->mutex);
    waited = std::exchange(letter_->sender, nullptr) != nullptr;
    told = std::exchange(told_, false);
  }
  letter_ = nullptr;
  if (told) loop_->withdraw(*this);
  return waited;
}

void PostToThread::on_delivered() {
  loop_->disarm(*this);
  {
    const std::lock_guard lock(letter_->mutex);
    told_ = false;
  }
  letter_ = nullptr;
  resume();
}

void PostToThread::on_timer() {
  if (leave()) outcome_ = PostOutcome::timed_out;
  resume();
}

void PostToThread::on_cancel() {
  if (letter_) loop_->disarm(*this);
  leave();
  resume_later();
}

PostOutcome PostToThread::await_resume() {
  throw_if_cancelled();
  if (outcome_ != PostOutcome::same_thread && !message_) throw MessageError(message_.error());
  return outcome_;
}

}  // namespace detail

const char* to_string(PostOutcome outcome) {
  switch (outcome) {
    case PostOutcome::delivered:
      return "delivered";
    case PostOutcome::same_thread:
      return "same thread";
    case PostOutcome::no_listener:
      return "no listener";
    case PostOutcome::errored:
      return "errored";
    case PostOutcome::timed_out:
      return "timed out";
  }
  return "unknown";
}

}  // namespace brigade::threads
