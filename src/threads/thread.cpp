#include "threads/thread.hpp"

#include <brigade/system.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>

namespace brigade::detail {

struct Thread::State {
  ThreadOptions options;
  std::function<void()> body;
  pthread_t handle{};
  std::atomic<pid_t> tid{0};
};

namespace {

std::size_t whole_pages(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  // The kernel's minimum grows with the registers of the processor, so it is no constant.
  const long least = ::sysconf(_SC_THREAD_STACK_MIN);
  bytes = std::max(bytes, static_cast<std::size_t>(std::max(least, 16L << 10)));
  return (bytes + page - 1) / page * page;
}

class Attributes {
 public:
  Attributes() { ::pthread_attr_init(&value_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::pthread_attr_destroy(&value_); }
  pthread_attr_t* get() { return &value_; }

 private:
  pthread_attr_t value_;
};

}  // namespace

sigset_t all_but_faults() {
  sigset_t mask;
  ::sigfillset(&mask);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
    ::sigdelset(&mask, fault);
  }
  return mask;
}

void Thread::Free::operator()(State* state) const {
  delete state;
}

void* Thread::entry(void* argument) {
  auto* state = static_cast<State*>(argument);
  // Again: a sanitizer's pthread_create puts its own mask in place of the attribute's.
  const sigset_t mask = all_but_faults();
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  if (!state->options.name.empty()) name_this_thread(state->options.name);
  state->tid.store(::gettid(), std::memory_order_release);
  state->tid.notify_all();
  // Moved to this stack: what it captured dies on this thread, before the join returns.
  const std::function<void()> body = std::move(state->body);
  [&body]() noexcept { body(); }();
  return nullptr;
}

Result<Thread> Thread::start(ThreadOptions options, std::function<void()> body) {
  Attributes attributes;
  const std::string name = options.name;
  if (options.stack_size != 0) {
    const std::size_t size = whole_pages(options.stack_size);
    if (const int code = ::pthread_attr_setstacksize(attributes.get(), size)) {
      return Error::from_errno(
          code, "a stack of " + std::to_string(size) + " bytes for thread \"" + name + '"');
    }
  }
  const sigset_t mask = all_but_faults();
  ::pthread_attr_setsigmask_np(attributes.get(), &mask);
  Thread thread;
  thread.state_.reset(new State{std::move(options), std::move(body)});
  const int code =
      ::pthread_create(&thread.state_->handle, attributes.get(), &entry, thread.state_.get());
  if (code != 0) {
    thread.state_.reset();
    return Error::from_errno(code, "start thread \"" + name + '"');
  }
  return thread;
}

Thread& Thread::operator=(Thread&& other) noexcept {
  if (this == &other) return *this;
  join();
  state_ = std::move(other.state_);
  return *this;
}

void Thread::join() {
  if (!state_) return;
  if (::pthread_join(state_->handle, nullptr) != 0) std::abort();
  state_.reset();
}

pthread_t Thread::native() const {
  return state_->handle;
}

pid_t Thread::tid() const {
  while (true) {
    const pid_t tid = state_->tid.load(std::memory_order_acquire);
    if (tid != 0) return tid;
    state_->tid.wait(0);
  }
}

}  // namespace brigade::detail
