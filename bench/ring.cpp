// SharedRing between two processes, beside a bare ring: a plain array of 8-byte values with one
// producer, two positions and a futex, which checks nothing, survives nothing and knows one size.
//
//   bench_ring [SECONDS per figure]
#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/shared_ring.hpp>
#include <brigade/system.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <vector>

namespace {

using namespace brigade;
using Clock = std::chrono::steady_clock;

double seconds = 0.5;
const std::vector<int> cpus =
    allowed_cpus();  // before anybody is pinned, and children inherit that

/// On CPU `index` of those allowed, in its own process, until it is killed or `body` returns.
pid_t in_child(unsigned index, const std::function<void()>& body) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_this_thread(cpus[index % cpus.size()]).value();
  body();
  ::_exit(0);
}

void end(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

/// Calls `read_some() -> count` for the time given; counts per second, the median of five.
template <class Read>
double rate(Read&& read_some) {
  const auto run = [&](double duration) {
    const auto from = Clock::now();
    std::uint64_t count = 0;
    std::chrono::duration<double> passed{};
    do {
      for (int i = 0; i < 64; ++i) count += read_some();
      passed = Clock::now() - from;
    } while (passed.count() < duration);
    return static_cast<double>(count) / passed.count();
  };
  std::array<double, 5> rates;
  run(seconds / 10);
  for (double& each : rates) each = run(seconds / 5);
  std::sort(rates.begin(), rates.end());
  return rates[2];
}

// ---- The bare ring.

struct Bare {
  static constexpr std::uint64_t kSize = 1 << 16;
  alignas(128) std::atomic<std::uint64_t> tail{0};
  alignas(128) std::atomic<std::uint64_t> head{0};
  alignas(128) std::atomic<std::uint32_t> asleep{0};
  alignas(128) std::array<std::uint64_t, kSize> values{};
};

void produce_bare(Bare& bare) {
  std::uint64_t tail = 0;
  std::uint64_t head = 0;
  for (;;) {
    // Not without end: a real-time producer would keep the CPU from the consumer it waits for.
    for (int looks = 0; tail - head == Bare::kSize; ++looks) {
      head = bare.head.load(std::memory_order_acquire);
      if (looks > 1000) ::usleep(50);
    }
    bare.values[tail % Bare::kSize] = tail;
    bare.tail.exchange(++tail);
    if (bare.asleep.load() != 0) {
      bare.asleep.store(0);
      ::syscall(SYS_futex, &bare.asleep, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
  }
}

double bare_rate() {
  void* const memory =
      ::mmap(nullptr, sizeof(Bare), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& bare = *new (memory) Bare();
  const pid_t child = in_child(1, [&] { produce_bare(bare); });
  std::uint64_t head = 0;
  std::uint64_t sum = 0;
  const double result = rate([&] {
    std::uint64_t tail = bare.tail.load(std::memory_order_acquire);
    if (tail == head) {
      bare.asleep.store(1);
      if (bare.tail.load() == head) {
        ::syscall(SYS_futex, &bare.asleep, FUTEX_WAIT, 1, nullptr, nullptr, 0);
      }
      bare.asleep.store(0);
      tail = bare.tail.load(std::memory_order_acquire);
    }
    const std::uint64_t count = tail - head;
    for (; head != tail; ++head) sum += bare.values[head % Bare::kSize];
    bare.head.store(head, std::memory_order_release);
    return count;
  });
  end(child);
  ::munmap(memory, sizeof(Bare));
  return sum == 0 ? 0 : result;
}

// ---- SharedRing.

void produce(SharedRing& ring, std::size_t length, std::size_t batch) {
  RingProducer producer = ring.producer().value();
  const std::string text(length, 'x');
  const std::vector<std::span<const std::byte>> messages(batch, std::as_bytes(std::span(text)));
  for (;;) {
    if (batch == 1) {
      producer.push(messages.front());
    } else {
      producer.push_all(messages);
    }
  }
}

double one_way(std::size_t length, unsigned producers, std::size_t batch, bool multi,
               bool checksum) {
  SharedRing ring =
      SharedRing::create({.capacity = 1 << 20, .producers = multi ? 4U : 1U, .checksum = checksum})
          .value();
  std::vector<pid_t> children;
  for (unsigned i = 0; i < producers; ++i) {
    children.push_back(in_child(1 + i, [&] { produce(ring, length, batch); }));
  }
  RingConsumer consumer = ring.consumer().value();
  std::uint64_t sum = 0;
  const double result = rate([&] {
    const auto use = [&](std::span<const std::byte> message) {
      std::uint64_t value = 0;
      std::memcpy(&value, message.data(), sizeof value);
      sum += value;
    };
    const RingCount some = consumer.read(use);
    if (some.count == 0) consumer.wait();
    return some.count;
  });
  for (const pid_t child : children) end(child);
  return sum == 0 ? 0 : result;
}

void round_trips() {
  SharedRing there = SharedRing::create().value();
  SharedRing back = SharedRing::create().value();
  const pid_t child = in_child(1, [&] {
    RingConsumer consumer = there.consumer().value();
    RingProducer producer = back.producer().value();
    std::vector<std::byte> message;
    for (;;) {
      consumer.pop(message);
      producer.push(message);
    }
  });
  RingProducer producer = there.producer().value();
  RingConsumer consumer = back.consumer().value();
  std::vector<std::byte> message(8);
  std::vector<double> times;
  const auto from = Clock::now();
  while (Clock::now() - from < std::chrono::duration<double>(seconds) || times.size() < 1000) {
    const auto begun = Clock::now();
    producer.push(message);
    consumer.pop(message);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count());
  }
  end(child);
  std::sort(times.begin(), times.end());
  fmt::print("round trip, 8 B: median {:.2f} us, p99 {:.2f} us, max {:.0f} us, {} trips\n",
             times[times.size() / 2], times[times.size() * 99 / 100], times.back(), times.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) seconds = std::atof(argv[1]);
  pin_this_thread(cpus.front()).value();
  const double bare = bare_rate();
  fmt::print("bare ring, 8 B, one at a time: {:.2f} M/s\n", bare / 1e6);
  struct Figure {
    std::size_t length;
    unsigned producers;
    std::size_t batch;
    bool multi;
    bool checksum;
  };
  constexpr Figure figures[] = {
      {8, 1, 1, false, false},     {8, 1, 32, false, false},  {8, 1, 1, true, false},
      {8, 1, 32, true, false},     {8, 2, 1, true, false},    {8, 2, 32, true, false},
      {64, 1, 1, false, false},    {64, 1, 32, false, false}, {64, 1, 1, true, false},
      {64, 2, 1, true, false},     {64, 2, 32, true, false},  {1024, 1, 1, false, false},
      {1024, 1, 32, false, false}, {1024, 2, 1, true, false}, {1024, 1, 1, false, true},
  };
  for (const Figure& each : figures) {
    const double figure =
        one_way(each.length, each.producers, each.batch, each.multi, each.checksum);
    fmt::print("SharedRing for {} producer{}, {} pushing, {} B, {}{}: {:.2f} M/s, {:.2f} of bare\n",
               each.multi ? "several" : "one", each.multi ? "s" : "", each.producers, each.length,
               each.batch == 1 ? "one at a time" : fmt::format("{} at a time", each.batch),
               each.checksum ? ", checksum" : "", figure / 1e6, figure / bare);
  }
  round_trips();
}
