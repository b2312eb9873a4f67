// Killed at every instruction: the process is stepped through a push, or a pop, one instruction
// further each time, and then killed.
#include <sys/ptrace.h>

#include <functional>

#include "unit/shared/shared_ring_crash_support.hpp"

namespace brigade {
namespace {

using namespace testing_support;

enum class Outcome { killed, ended, not_possible };

/// Runs `prepare` and then the first `steps` instructions of `act` in a child, which is then
/// killed. `prepare` also does once what `act` will, so that no dynamic linking is stepped through.
Outcome run_steps(const std::function<void()>& prepare, const std::function<void()>& act,
                  unsigned steps) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(9);
    prepare();
    ::kill(::getpid(), SIGSTOP);
    act();
    ::kill(::getpid(), SIGSTOP);
    ::_exit(0);
  }
  Outcome outcome = Outcome::killed;
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (!WIFSTOPPED(status)) return Outcome::not_possible;
  for (unsigned i = 0; i < steps && outcome == Outcome::killed; ++i) {
    if (::ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr) != 0) outcome = Outcome::not_possible;
    ::waitpid(pid, &status, 0);
    if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP) outcome = Outcome::ended;
    if (!WIFSTOPPED(status)) return Outcome::not_possible;
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, &status, 0);
  return outcome;
}

/// At every one, or evenly at some of them when there are as many as a sanitizer makes: 300,000
/// steps altogether, which take about a second. Returns whether it was every one.
bool at_every_instruction(const std::function<Outcome(unsigned steps)>& run) {
  constexpr unsigned kTotal = kSanitized ? 50'000 : 300'000;
  unsigned length = 32;
  for (Outcome outcome = Outcome::killed; outcome == Outcome::killed; length *= 2) {
    outcome = run(length);
    if (testing::Test::HasFailure()) return false;
    if (outcome == Outcome::not_possible) {
      [] { GTEST_SKIP() << "this process may not trace its children"; }();
      return false;
    }
  }
  length /= 2;  // or less
  const unsigned stride = std::max(1U, length / 2 * length / kTotal);
  Outcome outcome = Outcome::killed;
  for (unsigned steps = 0; outcome == Outcome::killed; steps += stride) {
    outcome = run(steps);
    if (testing::Test::HasFailure()) return false;
  }
  EXPECT_EQ(outcome, Outcome::ended);
  return stride == 1;
}

void kill_in_a_push(unsigned producers) {
  const auto memory = make_memory(producers);
  const auto reader = make_reader(memory);
  std::uint32_t victims = 0;
  std::uint64_t delivered = 0;
  Order order;
  const bool all = at_every_instruction([&](unsigned steps) {
    const std::uint32_t id = ++victims;
    std::unique_ptr<RingWriter> writer;
    std::vector<std::byte> buffer;
    const auto push = [&](std::uint64_t number) {
      const auto message = stamped(buffer, stamp(id, number));
      writer->push_now({&message, 1});
    };
    const Outcome outcome = run_steps(
        [&] {
          writer = make_writer(memory);
          push(0);
        },
        [&] { push(1); }, steps);
    // Those that follow get through.
    push_stamped(*make_writer(memory), stamp(1'000'000 + id, 0));
    read_until(*reader, order, 1'000'000 + id, 1);
    if (testing::Test::HasFatalFailure()) return outcome;
    EXPECT_GE(order.count(id), 1U);
    EXPECT_LE(order.count(id), 2U);
    if (outcome == Outcome::ended) EXPECT_EQ(order.count(id), 2U);
    delivered += order.count(id) - 1;
    return outcome;
  });
  if (!all) return;
  EXPECT_GT(delivered, 0U);
  EXPECT_GT(victims - delivered, 0U);
  EXPECT_EQ(memory->header().abandoned.get() > 0, producers > 1);
}
TEST(SharedRingStep, AProducerAmongSeveralIsKilledAtEveryInstructionOfAPush) {
  kill_in_a_push(4);
}
TEST(SharedRingStep, TheOnlyProducerIsKilledAtEveryInstructionOfAPush) {
  kill_in_a_push(1);
}

void kill_in_a_pop(unsigned producers) {
  const auto memory = make_memory(producers);
  const auto writer = make_writer(memory);
  std::uint64_t pushed = 0;
  std::uint64_t repeated = 0;
  std::uint64_t missed = 0;
  const bool all = at_every_instruction([&](unsigned steps) {
    const std::uint64_t first = pushed;
    for (int i = 0; i < 3; ++i) push_stamped(*writer, stamp(1, pushed++));
    std::unique_ptr<RingReader> theirs;
    std::vector<std::byte> message;
    const Outcome outcome = run_steps(
        [&] {
          theirs = make_reader(memory);
          theirs->try_pop(message);
          message.reserve(1000);
        },
        [&] { theirs->try_pop(message); }, steps);
    // The first went to the child, the second perhaps; the third is ours in any case.
    std::vector<std::uint64_t> numbers;
    const auto reader = make_reader(memory);
    while (reader->try_pop(message) == RingStatus::ok) {
      Stamp found;
      EXPECT_TRUE(read_stamp(message, found));
      numbers.push_back(found.number - first);
    }
    if (outcome == Outcome::ended || numbers.size() == 1) {
      EXPECT_EQ(numbers, std::vector<std::uint64_t>{2});
      ++missed;
    } else {
      EXPECT_EQ(numbers, (std::vector<std::uint64_t>{1, 2}));
      ++repeated;
    }
    EXPECT_EQ(memory->state(), detail::RingState::open);
    return outcome;
  });
  if (!all) return;
  EXPECT_GT(repeated, 0U);
  EXPECT_GT(missed, 0U);
}
TEST(SharedRingStep, AConsumerOfSeveralProducersIsKilledAtEveryInstructionOfAPop) {
  kill_in_a_pop(4);
}
TEST(SharedRingStep, AConsumerOfOneProducerIsKilledAtEveryInstructionOfAPop) {
  kill_in_a_pop(1);
}

}  // namespace
}  // namespace brigade
