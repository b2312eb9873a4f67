#include <brigade/result.hpp>
#include <brigade/signal.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <stdexcept>

namespace brigade {
namespace {

constexpr std::size_t signal_count = 65;
constexpr std::size_t watches_per_signal = 8;

// eventfd + 1, so that zero-initialised memory means "none": the handler may run at any time.
std::array<std::array<std::atomic<int>, watches_per_signal>, signal_count> table;
static_assert(std::atomic<int>::is_always_lock_free);

std::array<struct sigaction, signal_count> previous;
std::array<int, signal_count> users;

// For those who must be able to stop a program whose loop is blocked.
std::array<std::atomic<bool>, signal_count> ends_process;
std::array<std::atomic<std::int64_t>, signal_count> unheard_since_ns;  // 0: the loop has seen all
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

std::int64_t now_ns() {
  timespec at{};
  ::clock_gettime(CLOCK_MONOTONIC, &at);  // async-signal-safe
  return at.tv_sec * 1'000'000'000LL + at.tv_nsec;
}

void on_signal(int signal) {
  const int saved = errno;
  const auto index = static_cast<std::size_t>(signal);
  if (ends_process[index].load(std::memory_order_relaxed)) {
    constexpr std::int64_t a_moment = 5'000'000;  // a signal may come twice for one request
    std::int64_t since = 0;
    const std::int64_t now = now_ns();
    if (!unheard_since_ns[index].compare_exchange_strong(since, now) && now - since > a_moment) {
      ::_exit(128 + signal);
    }
  }
  for (const std::atomic<int>& entry : table[index]) {
    const int fd = entry.load(std::memory_order_relaxed) - 1;
    const std::uint64_t one = 1;
    if (fd >= 0) [[maybe_unused]]
      const auto written = ::write(fd, &one, sizeof one);
  }
  errno = saved;
}

}  // namespace

SignalWatch::SignalWatch(int signal, std::function<void()> on_signal_function, Unheard unheard)
    : signal_(signal),
      on_signal_(std::move(on_signal_function)),
      loop_(Loop::current()),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_ || !loop_.watch(wake_.get(), EPOLLIN | EPOLLET, *this)) {
    throw ErrorException(Error::from_errno(errno, "watch a signal"));
  }
  const auto index = static_cast<std::size_t>(signal);
  bool placed = false;
  for (std::atomic<int>& entry : table.at(index)) {
    int none = 0;
    placed = entry.compare_exchange_strong(none, wake_.get() + 1);
    if (placed) break;
  }
  if (!placed) throw std::logic_error("too many watches of one signal");
  if (unheard == Unheard::ends_process) ends_process[index].store(true);
  if (users[index]++ == 0) {
    struct sigaction action{};
    action.sa_handler = &on_signal;
    action.sa_flags = SA_RESTART;
    ::sigfillset(&action.sa_mask);
    ::sigaction(signal, &action, &previous[index]);
  }
}

SignalWatch::~SignalWatch() {
  const auto index = static_cast<std::size_t>(signal_);
  if (--users[index] == 0) {
    ::sigaction(signal_, &previous[index], nullptr);
    ends_process[index].store(false);
  }
  for (std::atomic<int>& entry : table[index]) {
    if (entry.load(std::memory_order_relaxed) == wake_.get() + 1) entry.store(0);
  }
  loop_.unwatch(wake_.get(), *this);
}

void SignalWatch::on_event(std::uint32_t) {
  unheard_since_ns[static_cast<std::size_t>(signal_)].store(0);
  const std::function<void()> callback = on_signal_;  // it may destroy this watch
  callback();
}

}  // namespace brigade
