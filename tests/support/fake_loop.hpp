// A loop whose time the test owns: it costs nothing to sleep an hour on it.
//
// Time stands still while the loop works and jumps to the next timer when it would sleep.
// Descriptors are real, and are asked first, so that what other threads hand over arrives as ever.
// A loop that sleeps without a timer waits for such an event, and a test that waits in vain aborts.
#pragma once

#include <brigade/loop.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace brigade::testing_support {

class FakeClock final : public Clock {
 public:
  TimePoint now() override { return now_; }
  void advance(Duration by) { now_ += by; }

 private:
  TimePoint now_{std::chrono::hours(1)};
};

class FakePoller final : public Poller {
 public:
  explicit FakePoller(FakeClock& clock) : clock_(clock) {}

  bool add(int fd, std::uint32_t events, Watcher& watcher) override {
    if (wake_fd < 0) wake_fd = fd;
    return real_->add(fd, events, watcher);
  }
  void modify(int fd, std::uint32_t events, Watcher& watcher) override {
    real_->modify(fd, events, watcher);
  }
  void remove(int fd) override { real_->remove(fd); }

  int wait(std::span<epoll_event> out, int timeout_ms) override {
    timeouts.push_back(timeout_ms);
    if (const auto function = std::exchange(in_next_wait, nullptr)) function();
    if (!scripted.empty()) {
      const auto events = std::exchange(scripted, {});
      std::copy(events.begin(), events.end(), out.begin());
      return static_cast<int>(events.size());
    }
    const int ready = real_->wait(out, 0);
    if (ready > 0 || timeout_ms == 0) return ready;
    if (timeout_ms > 0) {
      clock_.advance(std::chrono::milliseconds(timeout_ms));
      return 0;
    }
    const int woken = real_->wait(out, 20'000);
    if (woken == 0) {
      std::fputs("the loop sleeps for ever\n", stderr);
      std::abort();
    }
    return woken;
  }

  /// As the loop would find it ready: the next wait returns these instead of asking the kernel.
  void script(Watcher& watcher, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &watcher;
    scripted.push_back(event);
  }

  int wake_fd = -1;                    // the loop's own eventfd, the first that it adds
  std::vector<int> timeouts;           // of each wait
  std::function<void()> in_next_wait;  // called once, when the loop is as good as asleep
  std::vector<epoll_event> scripted;

 private:
  FakeClock& clock_;
  std::unique_ptr<Poller> real_ = make_epoll_poller();
};

struct FakeLoop {
  Duration elapsed() { return clock.now() - began; }

  FakeClock clock;
  TimePoint began = clock.now();
  FakePoller* poller = new FakePoller(clock);  // the loop's
  Loop loop{{.clock = &clock, .poller = std::unique_ptr<Poller>(poller)}};
};

}  // namespace brigade::testing_support
