#include <brigade/loop.hpp>
#include <brigade/task.hpp>

#include <array>
#include <new>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BRIGADE_PLAIN_FRAMES 1  // so that the sanitizers see each frame's own life
#endif
#endif

namespace brigade {

const char* to_string(CancelReason reason) {
  switch (reason) {
    case CancelReason::none:
      return "not cancelled";
    case CancelReason::client_gone:
      return "cancelled: client gone";
    case CancelReason::deadline:
      return "cancelled: deadline";
    case CancelReason::shutdown:
      return "cancelled: shutdown";
    case CancelReason::overload:
      return "cancelled: overload";
    case CancelReason::user:
      return "cancelled";
  }
  return "cancelled";
}

const char* Cancelled::what() const noexcept {
  return to_string(reason_);
}

namespace detail {
namespace {

thread_local long frames_alive = 0;

#ifndef BRIGADE_PLAIN_FRAMES
// Freed frames wait for the next coroutine of their size class. A frame freed on another thread
// than it was made on just changes its pool.
constexpr std::size_t class_bytes = 64;
constexpr std::size_t class_count = 32;

struct FreeFrame {
  FreeFrame* next;
};

// Trivially destructible, so that a coroutine may still run in the destructor of a static object or
// of another thread_local, after the sweeper.
thread_local std::array<FreeFrame*, class_count> free_frames{};

struct Sweeper {
  ~Sweeper() {
    for (FreeFrame*& head : free_frames) {
      while (head) ::operator delete(std::exchange(head, head->next));
    }
  }
};

thread_local Sweeper sweeper;
#endif

}  // namespace

long live_frames() {
  return frames_alive;
}

void* allocate_frame(std::size_t size) {
  ++frames_alive;
#ifndef BRIGADE_PLAIN_FRAMES
  const std::size_t index = (size - 1) / class_bytes;
  if (index < class_count) {
    FreeFrame*& head = free_frames[index];
    if (head) return std::exchange(head, head->next);
    return ::operator new((index + 1) * class_bytes);
  }
#endif
  return ::operator new(size);
}

void free_frame(void* frame, [[maybe_unused]] std::size_t size) noexcept {
  --frames_alive;
#ifndef BRIGADE_PLAIN_FRAMES
  const std::size_t index = (size - 1) / class_bytes;
  if (index < class_count) {
    [[maybe_unused]] const Sweeper& at_thread_end = sweeper;  // made at its first use
    FreeFrame*& head = free_frames[index];
    head = new (frame) FreeFrame{head};
    return;
  }
#endif
  ::operator delete(frame);
}

bool spend_budget() {
  Loop* loop = Loop::try_current();
  return !loop || loop->spend_budget();
}

void run_later(ReadyNode& node) {
  Loop::current().run_later(node);
}

void Awaiter::resume_later() {
  if (!linked()) run_later(*this);
}

TaskScope::TaskScope(const char* name, TaskScope* parent, std::source_location where)
    : name_(name), where_(where) {
  if (parent) {
    reason_ = parent->reason_;
    parent->children_.push_back(*this);
  } else if (Loop* loop = Loop::try_current()) {
    loop->root_scopes().push_back(*this);
  }
}

TaskScope::~TaskScope() = default;

void TaskScope::cancel(CancelReason reason) {
  if (cancelled()) return;
  reason_ = reason;
  children_.for_each([reason](TaskScope& child) { child.cancel(reason); });
  if (waiting_) waiting_->on_cancel();
}

const char* TaskScope::waiting_for() const {
  return waiting_ ? waiting_->what() : nullptr;
}

}  // namespace detail
}  // namespace brigade
