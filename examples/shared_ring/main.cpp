// Messages from two processes to a third, through shared memory.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/shared_ring.hpp>

#include <cstdint>
#include <cstring>
#include <span>

using namespace brigade;

constexpr int readings_each = 1000;

struct Reading {  // plain bytes, which mean the same in every process
  std::uint32_t sensor;
  float celsius;
};

int measure(Fd descriptor, std::uint32_t sensor) {
  auto ring = SharedRing::attach(std::move(descriptor)).value();
  auto producer = ring.producer().value();
  for (int index = 0; index < readings_each; ++index) {
    const Reading reading{sensor, 20.5F};
    const auto pushed = producer.push(std::as_bytes(std::span(&reading, 1)));  // waits for room
    if (pushed != RingStatus::ok) return 1;
  }
  return 0;
}

int main() {
  auto ring = SharedRing::create({.capacity = 4096, .producers = 2}).value();
  for (std::uint32_t sensor = 1; sensor <= 2; ++sensor) {
    if (::fork() == 0) ::_exit(measure(ring.fd().duplicate(), sensor));
  }

  auto consumer = ring.consumer().value();
  int count = 0;
  double sum = 0;
  while (count < 2 * readings_each && consumer.wait(std::chrono::seconds(10)) == RingStatus::ok) {
    consumer.read([&](std::span<const std::byte> message) {
      Reading reading{};
      if (message.size() != sizeof reading) return;
      std::memcpy(&reading, message.data(), sizeof reading);
      ++count;
      sum += reading.celsius;
    });
  }
  while (::wait(nullptr) > 0) {
  }
  fmt::print("{} readings, {:.1f} on average\n", count, sum / count);
}
