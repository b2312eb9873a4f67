#include <brigade/stats.hpp>

#include <gtest/gtest.h>

#include <string>

namespace brigade::stats {
namespace {

WorkerReport make_worker(std::uint64_t id) {
  WorkerReport worker;
  worker.id = id;
  worker.number = 1;
  worker.pid = 4211;
  worker.generation = 2;
  worker.state = WorkerState::listening;
  worker.started = 1'700'000'000'000;
  worker.uptime_ms = 5000;
  worker.restarts = 3;
  worker.loop = {.utilization = 0.25,
                 .active_ms = 1250,
                 .idle_ms = 3750,
                 .cpu_ms = 1000.5,
                 .turns = 10,
                 .lag_ms = 1.5,
                 .busy_ms = 0};
  worker.connections = {.open = 4, .total = 9};
  worker.requests = 100;
  worker.responses = {0, 90, 5, 4, 1};
  worker.bytes_in = 1000;
  worker.bytes_out = 2000;
  worker.in_flight = 2;
  worker.pool = {.threads = 2,
                 .busy = 1,
                 .queued = 3,
                 .done = 8,
                 .failed = 1,
                 .refused = 6,
                 .cpu_ms = 12.25,
                 .run_ms = 20.5};
  worker.latency = {
      .count = 100, .mean_ms = 0.4, .p50_ms = 0.25, .p90_ms = 1, .p99_ms = 2, .max_ms = 3};
  return worker;
}

TEST(ReportJson, IsWhatTheDocumentationShows) {
  Report report;
  report.primary = {.pid = 4200, .started = 1'699'999'999'000, .generation = 2};
  report.workers = {make_worker(7)};
  EXPECT_EQ(to_json(report),
            R"({"version":1,"primary":{"pid":4200,"started":1699999999000,"generation":2},)"
            R"("workers":[{"id":7,"number":1,"pid":4211,"generation":2,"state":"listening",)"
            R"("stopped":false,"started":1700000000000,"uptime_ms":5000,"restarts":3,)"
            R"("loop":{"utilization":0.2500,"active_ms":1250.000,"idle_ms":3750.000,)"
            R"("cpu_ms":1000.500,"turns":10,"lag_ms":1.500,"busy_ms":0.000},)"
            R"("connections":{"open":4,"total":9},"requests":100,)"
            R"("responses":{"1xx":0,"2xx":90,"3xx":5,"4xx":4,"5xx":1},)"
            R"("bytes_in":1000,"bytes_out":2000,"in_flight":2,)"
            R"("pool":{"threads":2,"busy":1,"queued":3,"done":8,"failed":1,"refused":6,)"
            R"("cpu_ms":12.250,"run_ms":20.500},)"
            R"("latency":{"count":100,"mean_ms":0.400,"p50_ms":0.250,"p90_ms":1.000,)"
            R"("p99_ms":2.000,"max_ms":3.000}}],)"
            R"("totals":{"workers":0,"restarts":0,"connections":{"open":0,"total":0},"requests":0,)"
            R"("responses":{"1xx":0,"2xx":0,"3xx":0,"4xx":0,"5xx":0},)"
            R"("bytes_in":0,"bytes_out":0,"in_flight":0,)"
            R"("pool":{"threads":0,"busy":0,"queued":0,"done":0,"failed":0,"refused":0,)"
            R"("cpu_ms":0.000,"run_ms":0.000},)"
            R"("latency":{"count":0,"mean_ms":0.000,"p50_ms":0.000,"p90_ms":0.000,)"
            R"("p99_ms":0.000,"max_ms":0.000}}})");
}

TEST(ReportJson, SeparatesWorkersByAComma) {
  Report report;
  report.workers = {make_worker(1), make_worker(2)};
  const std::string json = to_json(report);
  EXPECT_NE(json.find(R"(}},{"id":2,)"), std::string::npos);
  EXPECT_EQ(json.find(",]"), std::string::npos);
}

TEST(ReportJson, HasAnEmptyListWithoutWorkers) {
  EXPECT_NE(to_json(Report{}).find(R"("workers":[],"totals")"), std::string::npos);
}

TEST(WorkerState, HasANameForEveryValue) {
  EXPECT_EQ(name_of(WorkerState::starting), "starting");
  EXPECT_EQ(name_of(WorkerState::online), "online");
  EXPECT_EQ(name_of(WorkerState::listening), "listening");
  EXPECT_EQ(name_of(WorkerState::draining), "draining");
  EXPECT_EQ(name_of(WorkerState::dead), "dead");
  EXPECT_EQ(name_of(static_cast<WorkerState>(99)), "dead");
}

}  // namespace
}  // namespace brigade::stats
