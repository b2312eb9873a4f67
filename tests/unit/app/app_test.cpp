#include <gtest/gtest.h>
#include <brigade/app.hpp>
#include <brigade/system.hpp>

#include <stdexcept>
#include <string>
#include <vector>

#include "cluster/listen_socket.hpp"
#include "cluster/own_slot.hpp"
#include "support/root.hpp"

namespace brigade {
namespace {

using cluster::Place;
using cluster::detail::port_of;
using testing_support::Root;

// That nobody else had a moment ago.
std::uint16_t free_port() {
  return port_of(cluster::detail::listen_on("127.0.0.1", 0, 1).value().address);
}

// Where an app listens that was set up so.
std::vector<std::string> addresses_of(Place place, const std::vector<std::uint16_t>& listens) {
  Loop loop;
  App app(std::move(place), {});
  for (const std::uint16_t port : listens) app.listen(port);
  Root root(app.server().serve());
  root.start();
  std::vector<std::string> out = app.server().addresses();
  app.server().close();
  while (!root.done()) loop.turn(true);
  return out;
}

std::string local(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

TEST(App, ListensOnThePortThatItNames) {
  const std::uint16_t port = free_port();
  EXPECT_EQ(addresses_of({.host = "127.0.0.1", .port = 1}, {port}),
            std::vector<std::string>{local(port)});
}

TEST(App, ListensWhereTheCommandLineSaysInstead) {
  const std::uint16_t given = free_port();
  EXPECT_EQ(addresses_of({.host = "127.0.0.1", .port = given, .port_given = true}, {1}),
            std::vector<std::string>{local(given)});
}

TEST(App, TakesPortZeroFromTheCommandLineForAnyPort) {
  const std::uint16_t named = free_port();
  const auto addresses =
      addresses_of({.host = "127.0.0.1", .port = 0, .port_given = true}, {named});
  ASSERT_EQ(addresses.size(), 1U);
  EXPECT_NE(addresses[0], local(named));
}

TEST(App, MovesOnlyItsFirstPortToWhereTheCommandLineSays) {
  const std::uint16_t given = free_port();
  const std::uint16_t second = free_port();
  EXPECT_EQ(addresses_of({.host = "127.0.0.1", .port = given, .port_given = true}, {1, second}),
            (std::vector<std::string>{local(given), local(second)}));
}

TEST(App, ListensOnSeveralPorts) {
  const std::uint16_t first = free_port();
  const std::uint16_t second = free_port();
  EXPECT_EQ(addresses_of({.host = "127.0.0.1"}, {first, second}),
            (std::vector<std::string>{local(first), local(second)}));
}

TEST(App, ListensAtItsPlaceWhenItNamesNone) {
  const std::uint16_t port = free_port();
  Loop loop;
  App app({.host = "127.0.0.1", .port = port}, {});
  std::vector<std::string> addresses;
  loop.post([&] {
    addresses = app.server().addresses();
    app.server().close();
  });
  EXPECT_EQ(app.serve(), 0);
  EXPECT_EQ(addresses, std::vector<std::string>{local(port)});
}

TEST(App, CannotServeWhereSomebodyElseDoes) {
  const auto other = cluster::detail::listen_on("127.0.0.1", 0, 1).value();
  Loop loop;
  App app({.host = "127.0.0.1", .port = port_of(other.address)}, {});
  testing::internal::CaptureStderr();
  EXPECT_EQ(app.serve(), 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("in use"), std::string::npos);
}

TEST(App, RefusesTheSameRouteTwice) {
  App app({}, {});
  app.get("/users/:id", [](http::Request&) { return http::text("one"); });
  EXPECT_THROW(app.get("/users/:name", [](http::Request&) { return http::text("two"); }),
               std::invalid_argument);
  EXPECT_NO_THROW(app.post("/users/:id", [](http::Request&) { return http::text("three"); }));
}

const PoolMeter& meter() {
  return cluster::detail::own_slot().figures().pool;
}

TEST(AppPool, HasTheWorkersPartOfTheMachineForItsSize) {
  App app({}, {});
  const ThreadPool pool = app.pool();
  EXPECT_EQ(meter().threads.get(), available_parallelism());  // alone: all of it
}

TEST(AppPool, HasTheSizeThatItIsGiven) {
  App app({}, {});
  const ThreadPool pool = app.pool({.threads = 3});
  EXPECT_EQ(meter().threads.get(), 3U);
}

TEST(AppPool, ShowsInTheStatsForAsLongAsItLives) {
  App app({}, {});
  {
    const ThreadPool pool = app.pool({.threads = 2});
  }
  EXPECT_EQ(meter().threads.get(), 0U);
}

TEST(AppPool, CountsWhereItIsTold) {
  PoolMeter own{};
  App app({}, {});
  const ThreadPool pool = app.pool({.threads = 2, .meter = &own});
  EXPECT_EQ(own.threads.get(), 2U);
  EXPECT_EQ(meter().threads.get(), 0U);
}

TEST(AppDatabase, SaysWhyItCannotBeOpened) {
  App app({}, {});
  try {
    app.database("sqlite:/no/such/folder/users.db");
    FAIL();
  } catch (const ErrorException& refusal) {
    EXPECT_NE(std::string(refusal.what()).find("/no/such/folder"), std::string::npos)
        << refusal.what();
  }
  EXPECT_THROW(app.database("mongodb://here"), ErrorException);
}

TEST(RowsAsJson, AreAnArrayOfObjects) {
  const sql::Rows rows({"id", "name", "score"}, {1, "Ann", 1.5, 2, "\"Bo\"\n", nullptr});
  const http::Response response = http::json(rows);
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.body(),
            R"([{"id":1,"name":"Ann","score":1.5E0},{"id":2,"name":"\"Bo\"\n","score":null}])");
  EXPECT_TRUE(response.has("Content-Type"));
}

TEST(RowsAsJson, AreAnEmptyArrayWhenThereAreNone) {
  EXPECT_EQ(http::json(sql::Rows({"id"}, {})).body(), "[]");
}

TEST(RowsAsJson, HaveTheStatusThatIsGiven) {
  EXPECT_EQ(http::json(sql::Rows({"id"}, {7}), 201).status(), 201);
}

}  // namespace
}  // namespace brigade
