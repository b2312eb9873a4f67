// Processes that push and die, and a reader that knows what each of them may have left.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <memory>

#include "shared/shared_ring_memory.hpp"
#include "shared/shared_ring_reader.hpp"
#include "shared/shared_ring_writer.hpp"
#include "support/patience.hpp"
#include "unit/shared/shared_ring_support.hpp"

namespace brigade::testing_support {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BRIGADE_TEST_SANITIZED true
#endif
#endif
#ifndef BRIGADE_TEST_SANITIZED
#define BRIGADE_TEST_SANITIZED false
#endif
inline constexpr bool kSanitized = BRIGADE_TEST_SANITIZED;
/// Fewer where a fork takes ten times as long.
inline constexpr std::uint32_t kRounds = kSanitized ? 200 : 1000;

using detail::RingMemory;
using detail::RingReader;
using detail::RingStep;
using detail::RingWriter;

inline constexpr RingStep kSteps[] = {RingStep::before_intent, RingStep::after_intent,
                                      RingStep::after_reserve, RingStep::after_claim,
                                      RingStep::half_written,  RingStep::before_commit,
                                      RingStep::after_commit};

inline std::shared_ptr<RingMemory> make_memory(unsigned producers, std::size_t capacity = 4096) {
  return RingMemory::create({.capacity = capacity, .producers = producers}).value();
}
inline std::unique_ptr<RingWriter> make_writer(const std::shared_ptr<RingMemory>& memory) {
  return RingWriter::create(memory).value();
}
inline std::unique_ptr<RingReader> make_reader(const std::shared_ptr<RingMemory>& memory) {
  return RingReader::create(memory).value();
}

/// Sends this process the signal at a step.
struct SignalAt {
  RingStep at;
  int signal = SIGKILL;
  void operator()(RingStep step) const {
    if (step == at) ::kill(::getpid(), signal);
  }
};

/// Pushes one stamped message; waits for room.
template <class Hook>
RingStatus push_stamped(RingWriter& writer, Stamp stamp, Hook hook) {
  std::vector<std::byte> buffer;
  const std::span<const std::byte> message = stamped(buffer, stamp);
  for (;;) {
    const RingStatus status = writer.push_some({&message, 1}, hook).status;
    if (status != RingStatus::full) return status;
    ::usleep(20);
  }
}
inline RingStatus push_stamped(RingWriter& writer, Stamp stamp) {
  return push_stamped(writer, stamp, detail::NoRingHook());
}
inline Stamp stamp(std::uint32_t producer, std::uint64_t number) {
  return {.producer = producer, .length = some_length(number + producer), .number = number};
}

/// Each producer's messages must come whole, in order, from its first on, each once.
class Order {
 public:
  void see(std::span<const std::byte> message) {
    Stamp found;
    ASSERT_TRUE(read_stamp(message, found)) << "torn, " << message.size() << " bytes";
    ASSERT_EQ(found.number, next_[found.producer]) << "of producer " << found.producer;
    ++next_[found.producer];
  }
  std::uint64_t count(std::uint32_t producer) const {
    const auto found = next_.find(producer);
    return found == next_.end() ? 0 : found->second;
  }

 private:
  std::map<std::uint32_t, std::uint64_t> next_;
};

/// What is there now.
inline void read_some(RingReader& reader, Order& order) {
  std::vector<std::byte> message;
  for (RingStatus status = RingStatus::ok; status == RingStatus::ok;) {
    status = reader.try_pop(message);
    if (status == RingStatus::ok) order.see(message);
    ASSERT_NE(status, RingStatus::corrupt);
    if (testing::Test::HasFatalFailure()) return;
  }
}

/// Until `producer` has sent `count` messages.
inline void read_until(RingReader& reader, Order& order, std::uint32_t producer,
                       std::uint64_t count) {
  const Deadline deadline;
  std::vector<std::byte> message;
  while (order.count(producer) < count) {
    ASSERT_FALSE(deadline.passed()) << "the consumer hangs";
    const RingStatus status = reader.pop(message, std::chrono::milliseconds(20));
    if (status == RingStatus::ok) order.see(message);
    ASSERT_NE(status, RingStatus::corrupt);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace brigade::testing_support
