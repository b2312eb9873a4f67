#include "stats/report.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <thread>

namespace brigade::stats {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

Scoreboard make(unsigned slots) {
  return Scoreboard::create(slots).value();
}

void serve(Slot& slot, std::uint64_t requests, std::uint64_t latency_us) {
  slot.loop.requests.add(requests);
  slot.loop.responses[1].add(requests);
  slot.loop.connections_total.add(requests);
  slot.loop.bytes_in.add(requests * 10);
  slot.loop.bytes_out.add(requests * 100);
  slot.latency.record(latency_us, requests);
}

TEST(Report, OfAnEmptyBoardHasNoWorkers) {
  const Report report = read(make(8));
  EXPECT_EQ(report.primary.pid, ::getpid());
  EXPECT_TRUE(report.workers.empty());
  EXPECT_EQ(report.totals.workers, 0u);
  EXPECT_EQ(report.totals.latency.count, 0u);
}

TEST(Report, ShowsAWorkersFigures) {
  Scoreboard board = make(2);
  ASSERT_TRUE(board.claim_slot({.id = 5, .number = 1, .generation = 3, .restarts = 2}));
  board.entry(0).pid.set(4242);
  board.entry(0).set_state(WorkerState::listening);
  board.entry(0).stopped.set(1);
  Slot& slot = board.slot(0);
  serve(slot, 4, 2000);
  slot.loop.connections_open.add(3);
  slot.loop.in_flight.add(2);
  slot.pool.threads.add(2);
  slot.pool.refused.add(7);
  slot.pool.cpu_ns.add(5 * kMs);
  slot.pool.run_ns.add(8 * kMs);
  const Report report = read(board);
  ASSERT_EQ(report.workers.size(), 1u);
  const WorkerReport& worker = report.workers[0];
  EXPECT_EQ(worker.id, 5u);
  EXPECT_EQ(worker.number, 1u);
  EXPECT_EQ(worker.pid, 4242);
  EXPECT_EQ(worker.generation, 3u);
  EXPECT_EQ(worker.restarts, 2u);
  EXPECT_EQ(worker.state, WorkerState::listening);
  EXPECT_TRUE(worker.stopped);
  EXPECT_EQ(worker.requests, 4u);
  EXPECT_EQ(worker.responses[1], 4u);
  EXPECT_EQ(worker.bytes_out, 400u);
  EXPECT_EQ(worker.connections.open, 3u);
  EXPECT_EQ(worker.in_flight, 2u);
  EXPECT_EQ(worker.pool.refused, 7u);
  EXPECT_DOUBLE_EQ(worker.pool.cpu_ms, 5);
  EXPECT_DOUBLE_EQ(worker.pool.run_ms, 8);
  EXPECT_EQ(worker.latency.count, 4u);
  EXPECT_DOUBLE_EQ(worker.latency.p50_ms, 2);
  EXPECT_DOUBLE_EQ(worker.latency.mean_ms, 2);
  EXPECT_DOUBLE_EQ(worker.latency.max_ms, 2);
}

TEST(Report, MeasuresTheLoopUpToNow) {
  Scoreboard board = make(1);
  ASSERT_TRUE(board.claim_slot({.id = 1}));
  board.entry(0).started_steady_ns.set(1000 * kMs);
  LoopFigures& loop = board.slot(0).loop;
  loop.meter.busy_ns.add(100 * kMs);
  loop.meter.lag_ns.set(7 * kMs);
  loop.meter.busy_since_ns.set(1600 * kMs);
  const WorkerReport worker = read_at(board, 2000 * kMs).workers.at(0);
  EXPECT_EQ(worker.uptime_ms, 1000u);
  EXPECT_DOUBLE_EQ(worker.loop.busy_ms, 400);
  EXPECT_DOUBLE_EQ(worker.loop.active_ms, 500);
  EXPECT_DOUBLE_EQ(worker.loop.utilization, 0.5);
  EXPECT_DOUBLE_EQ(worker.loop.lag_ms, 7);
}

TEST(Report, ShowsNoBusyTimeForASleepingLoop) {
  Scoreboard board = make(1);
  ASSERT_TRUE(board.claim_slot({.id = 1}));
  EXPECT_DOUBLE_EQ(read(board).workers.at(0).loop.busy_ms, 0);
}

TEST(Report, ShowsANewWorkerOnlyWhatItDidItself) {
  Scoreboard board = make(1);
  ASSERT_TRUE(board.claim_slot({.id = 1}));
  serve(board.slot(0), 10, 50'000);
  board.slot(0).loop.meter.busy_ns.add(kMs);
  board.release_slot(0);
  ASSERT_TRUE(board.claim_slot({.id = 2}));
  serve(board.slot(0), 3, 1000);
  const Report report = read(board);
  const WorkerReport& worker = report.workers.at(0);
  EXPECT_EQ(worker.id, 2u);
  EXPECT_EQ(worker.requests, 3u);
  EXPECT_EQ(worker.bytes_in, 30u);
  EXPECT_EQ(worker.latency.count, 3u);
  EXPECT_DOUBLE_EQ(worker.latency.max_ms, 1);
  EXPECT_DOUBLE_EQ(worker.loop.active_ms, 0);
  EXPECT_EQ(report.totals.requests, 13u);
  EXPECT_EQ(report.totals.latency.count, 13u);
  EXPECT_DOUBLE_EQ(report.totals.latency.max_ms, 50);
}

TEST(Report, CountsTheDeadInItsTotals) {
  Scoreboard board = make(3);
  for (unsigned i = 0; i < 3; ++i) {
    ASSERT_TRUE(board.claim_slot({.id = i + 1, .number = i}));
    serve(board.slot(i), 10, 1000);
    board.slot(i).loop.connections_open.add(1);
  }
  board.header().primary.restarts.add(4);
  board.release_slot(1);
  const Report report = read(board);
  EXPECT_EQ(report.workers.size(), 2u);
  EXPECT_EQ(report.totals.workers, 2u);
  EXPECT_EQ(report.totals.restarts, 4u);
  EXPECT_EQ(report.totals.requests, 30u);
  EXPECT_EQ(report.totals.responses[1], 30u);
  EXPECT_EQ(report.totals.connections.total, 30u);
  EXPECT_EQ(report.totals.connections.open, 2u);
  EXPECT_EQ(report.totals.bytes_out, 3000u);
  EXPECT_EQ(report.totals.latency.count, 30u);
}

TEST(Report, ListsWorkersByNumber) {
  Scoreboard board = make(3);
  ASSERT_TRUE(board.claim_slot({.id = 3, .number = 2}));
  ASSERT_TRUE(board.claim_slot({.id = 4, .number = 0}));
  ASSERT_TRUE(board.claim_slot({.id = 2, .number = 0}));
  const Report report = read(board);
  EXPECT_EQ(report.workers.at(0).id, 2u);
  EXPECT_EQ(report.workers.at(1).id, 4u);
  EXPECT_EQ(report.workers.at(2).id, 3u);
}

TEST(Report, TouchesNoSlotThatNobodyUsed) {
  Scoreboard board = make(kMaxSlots);
  ASSERT_TRUE(board.claim_slot({.id = 1}));
  const Report report = read(board);
  EXPECT_EQ(report.workers.size(), 1u);
  struct stat status{};
  ASSERT_EQ(::fstat(board.fd().get(), &status), 0);
  EXPECT_LE(status.st_blocks * 512, 64 * 1024);
}

TEST(Report, StaysRightWhenAWorkerIsKilledWhileItWrites) {
  Scoreboard board = make(1);
  std::uint64_t before = 0;
  for (std::uint64_t id = 1; id <= 20; ++id) {
    ASSERT_TRUE(board.claim_slot({.id = id}));
    Slot& slot = board.slot(0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (std::uint64_t n = 0;; ++n) {
        slot.loop.in_flight.add();
        slot.loop.requests.add();
        slot.latency.record(n % 5000);
        slot.loop.in_flight.sub();
      }
    }
    while (slot.loop.requests.get() < before + 1000) std::this_thread::yield();
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    const Report last = read(board);
    EXPECT_GE(last.workers.at(0).requests, 1000u);
    board.release_slot(0);
    const Report report = read(board);
    EXPECT_GE(report.totals.requests, before + 1000);
    EXPECT_EQ(report.totals.in_flight, 0u);
    // One request each may have been counted and not yet timed.
    EXPECT_LE(report.totals.requests - report.totals.latency.count, id);
    before = report.totals.requests;
  }
}

TEST(Report, SurvivesRandomDamageToTheWholeBoard) {
  Scoreboard board = make(3);
  std::mt19937_64 random(4242);
  std::byte* const start = reinterpret_cast<std::byte*>(&board.header());
  std::size_t workers = 0;
  for (int round = 0; round < 1000; ++round) {
    for (std::size_t offset = 0; offset < board.size(); offset += sizeof(std::uint64_t)) {
      const std::uint64_t noise = random();
      std::memcpy(start + offset, &noise, sizeof noise);
    }
    const Report report = read(board);
    workers += report.workers.size();
    for (const WorkerReport& worker : report.workers) {
      EXPECT_LE(worker.state, WorkerState::dead);
      EXPECT_GE(worker.loop.utilization, 0);
      EXPECT_LE(worker.loop.utilization, 1);
    }
    const std::string json = to_json(report);
    EXPECT_EQ(json.find("nan"), std::string::npos);
    EXPECT_EQ(json.find("inf"), std::string::npos);
  }
  EXPECT_EQ(workers, 3000u);
}

TEST(Report, SurvivesAFewDamagedBytes) {
  Scoreboard board = make(3);
  for (unsigned i = 0; i < 3; ++i) {
    ASSERT_TRUE(board.claim_slot({.id = i + 1}));
    serve(board.slot(i), 100, 1000);
  }
  std::mt19937_64 random(7);
  std::byte* const start = reinterpret_cast<std::byte*>(&board.header());
  for (int round = 0; round < 1000; ++round) {
    start[random() % board.size()] = static_cast<std::byte>(random());
    EXPECT_FALSE(to_json(read(board)).empty());
  }
}

TEST(Utilization, IsThatOfTheTimeBetweenTwoReports) {
  WorkerReport earlier;
  earlier.id = 1;
  earlier.uptime_ms = 10'000;
  earlier.loop.active_ms = 9000;
  WorkerReport later = earlier;
  later.uptime_ms = 12'000;
  later.loop.active_ms = 9500;
  EXPECT_DOUBLE_EQ(utilization_between(earlier, later), 0.25);
  EXPECT_DOUBLE_EQ(utilization_between(later, earlier), 0);
  later.id = 2;
  EXPECT_DOUBLE_EQ(utilization_between(earlier, later), 0);
}

}  // namespace
}  // namespace brigade::stats
