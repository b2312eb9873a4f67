// `./app ctl …` and the app that it speaks to.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>

#include "support/control.hpp"

using namespace brigade::testing_support;
namespace json = boost::json;

namespace {

class Ctl : public testing::Test {
 protected:
  Program program(std::vector<std::string> arguments = {"--workers", "2"}) const {
    return {TEST_SERVER_PROGRAM, std::move(arguments), folder.environment()};
  }
  CtlResult ctl(std::vector<std::string> arguments) const {
    return folder.ctl(TEST_SERVER_PROGRAM, std::move(arguments));
  }
  json::value status() const {
    const CtlResult result = ctl({"status", "--json"});
    EXPECT_EQ(result.code, 0) << result.err;
    return json::parse(result.out);
  }
  std::set<std::int64_t> pids() const {
    std::set<std::int64_t> out;
    const json::value all = status();
    for (const auto& worker : all.at("workers").as_array()) {
      out.insert(worker.at("pid").as_int64());
    }
    return out;
  }
  // An event of each kind in the order they came, once `last` has come.
  static std::vector<std::string> events_until(RawControl& client, const std::string& last) {
    std::vector<std::string> out;
    while (out.empty() || out.back() != last) {
      const std::string frame = client.read();
      if (frame.empty()) break;
      out.emplace_back(json::parse(frame).at("event").as_string());
    }
    return out;
  }

  ControlFolder folder;
};

TEST_F(Ctl, StatusShowsEveryWorkerInEightyColumns) {
  ServerProcess server(program());
  const CtlResult result = ctl({"status"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find(fmt::format("test_server: primary {}", server.pid())),
            std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find(fmt::format("listens on 127.0.0.1:{}\n", server.port())),
            std::string::npos);
  for (const pid_t worker : server.first_workers()) {
    EXPECT_NE(result.out.find(fmt::format(" {}  listening ", worker)), std::string::npos);
  }
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST_F(Ctl, StatusIsJsonForScripts) {
  ServerProcess server(program());
  EXPECT_EQ(server.get("/").status, 200);
  ASSERT_TRUE(eventually([&] {
    std::int64_t requests = 0;
    const json::value now = status();
    for (const auto& worker : now.at("workers").as_array()) {
      requests += worker.at("requests").as_int64();
    }
    return requests == 1;
  }));
  const json::value all = status();
  EXPECT_EQ(all.at("version").as_int64(), 1);
  EXPECT_EQ(all.at("app").as_string(), "test_server");
  EXPECT_EQ(all.at("primary").at("pid").as_int64(), server.pid());
  EXPECT_EQ(all.at("generation").as_int64(), 1);
  EXPECT_EQ(all.at("listeners").as_array().size(), 1U);
  ASSERT_EQ(all.at("workers").as_array().size(), 2U);
  std::int64_t position = 0;
  for (const auto& worker : all.at("workers").as_array()) {
    EXPECT_EQ(worker.at("position").as_int64(), position++);
    EXPECT_EQ(worker.at("state").as_string(), "listening");
    EXPECT_GT(worker.at("rss_bytes").as_int64(), 0);
    EXPECT_EQ(worker.at("restarts").as_int64(), 0);
  }
}

TEST_F(Ctl, ReloadEndsWhenAllWorkersAreNew) {
  ServerProcess server(program());
  const auto before = pids();
  const CtlResult result = ctl({"reload"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "test_server: reloaded, generation 2\n");
  const auto after = pids();
  for (const std::int64_t pid : after) EXPECT_FALSE(before.contains(pid));
}

TEST_F(Ctl, ReloadThatFailsSaysWhy) {
  const TemporaryFolder starts;
  ServerProcess server(program(
      {"--workers", "2", "--test-starts-file=" + starts.file("starts"), "--test-good-starts=2"}));
  const CtlResult result = ctl({"reload"});
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("exited with code 1 before it listened; what served before goes on"),
            std::string::npos)
      << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(server.get("/").status, 200);
}

TEST_F(Ctl, EveryReloadThatIsAskedForIsAnswered) {
  ServerProcess server(program());
  std::vector<RawControl> clients;
  for (int count = 0; count < 5; ++count) {
    clients.emplace_back(folder.socket("test_server"));
    clients.back().read();
    ASSERT_TRUE(clients.back().ask(R"({"version":1,"command":"reload"})"));
  }
  for (RawControl& client : clients) {
    EXPECT_TRUE(json::parse(client.read()).at("ok").as_bool());
  }
}

TEST_F(Ctl, ScaleChangesTheNumberOfWorkers) {
  ServerProcess server(program());
  EXPECT_EQ(ctl({"scale", "4"}).code, 0);
  EXPECT_TRUE(eventually([&] { return server.children().size() == 4; }));
  EXPECT_EQ(ctl({"scale", "1"}).code, 0);
  EXPECT_TRUE(eventually([&] { return server.children().size() == 1; }));
  const CtlResult none = ctl({"scale", "0"});
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.err.find("stop the cluster instead"), std::string::npos) << none.err;
}

TEST_F(Ctl, RestartReplacesOneWorker) {
  ServerProcess server(program());
  EXPECT_EQ(ctl({"restart", "1"}).code, 0);
  const json::value after = status();
  EXPECT_EQ(after.at("workers").at(0).at("pid").as_int64(), server.first_workers()[0]);
  EXPECT_NE(after.at("workers").at(1).at("pid").as_int64(), server.first_workers()[1]);
  const CtlResult none = ctl({"restart", "7"});
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(none.err, "test_server: restart: no worker is at position 7\n");
}

TEST_F(Ctl, RestartThatFailsSaysWhy) {
  const TemporaryFolder starts;
  ServerProcess server(program(
      {"--workers", "2", "--test-starts-file=" + starts.file("starts"), "--test-good-starts=2"}));
  const CtlResult result = ctl({"restart", "0"});
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("what served before goes on"), std::string::npos) << result.err;
}

TEST_F(Ctl, LogLevelHoldsForThePrimaryAndItsWorkers) {
  ServerProcess server(program({"--workers", "1"}));
  server.get("/log-debug");
  EXPECT_EQ(ctl({"log-level", "debug"}).code, 0);
  ASSERT_TRUE(eventually([&] {
    server.get("/log-debug");
    return server.count_lines("debug: asked for") > 0;
  }));
  // And for those that come later.
  EXPECT_EQ(ctl({"restart", "0"}).code, 0);
  const std::size_t before = server.count_lines("debug: asked for");
  server.get("/log-debug");
  server.wait_for_lines("debug: asked for", before + 1);
  EXPECT_EQ(status().at("log_level").as_string(), "debug");
}

TEST_F(Ctl, DrainAnswersAtOnce) {
  ServerProcess server(program());
  std::optional<Client> client = server.connect();
  client->send("GET /slow?ms=600 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  EXPECT_EQ(ctl({"drain"}).code, 0);
  EXPECT_TRUE(server.running());
  EXPECT_EQ(client->read().status, 200);
  client.reset();  // or the server waits for it to close its end
  EXPECT_EQ(server.wait().code, 0);
}

TEST_F(Ctl, StopEndsWhenTheAppHasEnded) {
  ServerProcess server(program());
  const CtlResult result = ctl({"stop"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("test_server: stopped\n"), std::string::npos) << result.out;
  EXPECT_EQ(look_up(server.pid())->state, 'Z');  // nobody but us has to reap it
  EXPECT_EQ(server.wait().code, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder.directory()));
}

TEST_F(Ctl, StopNowWaitsForNobody) {
  ServerProcess server(program());
  Client client = server.connect();
  client.send("GET /slow?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  EXPECT_EQ(ctl({"stop", "--now"}).code, 0);
  EXPECT_EQ(server.wait().signal, 0);
}

TEST_F(Ctl, WhoWaitsForAReloadIsToldThatTheAppStops) {
  ServerProcess server(program({"--workers", "2", "--test-start-ms=300"}));
  RawControl client(folder.socket("test_server"));
  client.read();
  ASSERT_TRUE(client.ask(R"({"version":1,"command":"reload"})"));
  server.wait_for_line("reload: generation 2");
  server.signal(SIGTERM);
  EXPECT_EQ(json::parse(client.read()).at("error").as_string(), "the app is stopping");
}

TEST_F(Ctl, EventsTellALife) {
  ServerProcess server(program({"--workers", "1"}));
  RawControl client(folder.socket("test_server"));
  client.read();
  ASSERT_TRUE(client.ask(R"({"version":1,"command":"events"})"));
  EXPECT_TRUE(json::parse(client.read()).at("ok").as_bool());
  ASSERT_EQ(ctl({"reload"}).code, 0);
  std::vector<std::string> events = events_until(client, "reload-finished");
  for (const char* each : {"reload", "fork", "online", "listening", "exit"}) {
    EXPECT_EQ(std::count(events.begin(), events.end(), each), 1) << each;
  }
  server.signal(SIGTERM);
  events = events_until(client, "exit");
  EXPECT_EQ(std::count(events.begin(), events.end(), "stop"), 1);
}

TEST_F(Ctl, EventsArePrintedAsTheyCome) {
  ServerProcess server(program({"--workers", "1"}));
  auto environment = folder.environment();
  Process events({TEST_SERVER_PROGRAM, {"ctl", "events"}, environment});
  Process lines({TEST_SERVER_PROGRAM, {"ctl", "events", "--json"}, environment});
  // Whatever comes after they have been heard.
  ASSERT_TRUE(eventually([&] {
    ctl({"log-level", "info"});
    return events.out().find("log-level level=info") != std::string::npos &&
           lines.out().find("\"event\":\"log-level\"") != std::string::npos;
  }));
  const pid_t worker = server.first_workers()[0];
  ::kill(worker, SIGKILL);
  events.wait_for_line(fmt::format("exit worker 1 (pid {}, position 0) code=0 signal=9", worker));
  lines.wait_for_line(fmt::format("\"pid\":{}}},\"code\":0,\"signal\":9", worker));
  server.signal(SIGTERM);
  EXPECT_EQ(events.wait().code, 0);
  EXPECT_EQ(lines.wait().code, 0);
}

TEST_F(Ctl, WithoutAnAppItSaysSo) {
  const CtlResult result = ctl({"status"});
  EXPECT_EQ(result.code, 3);
  EXPECT_NE(result.err.find("test_server is not running"), std::string::npos) << result.err;
  EXPECT_EQ(ctl({"stop", "--name", "other"}).code, 3);
}

TEST_F(Ctl, ABadOrderIsExitCodeTwo) {
  for (const std::vector<std::string>& bad : {std::vector<std::string>{},
                                              {"dance"},
                                              {"scale"},
                                              {"scale", "many"},
                                              {"scale", "-1"},
                                              {"log-level", "loud"},
                                              {"status", "--nonsense"},
                                              {"status", "--name", "a/b"}}) {
    const CtlResult result = ctl(bad);
    EXPECT_EQ(result.code, 2) << (bad.empty() ? "nothing" : bad.back());
    EXPECT_NE(result.err, "");
  }
}

TEST_F(Ctl, HelpIsThere) {
  const CtlResult result = ctl({"--help"});
  EXPECT_EQ(result.code, 0);
  for (const char* part : {"status", "reload", "scale", "log-level", "events", "Exit codes"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part;
  }
}

TEST_F(Ctl, ANameIsWhatTheAppIsFoundBy) {
  ServerProcess server(program({"--workers", "1", "--name", "shop"}));
  EXPECT_EQ(ctl({"status"}).code, 3);
  const CtlResult result = ctl({"status", "--name", "shop"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("shop: ")) << result.out;
}

TEST_F(Ctl, OfTwoInstancesItWantsToKnowWhich) {
  ServerProcess first(program({"--workers", "1"}));
  ServerProcess second(program({"--workers", "1"}));
  const std::string name = fmt::format("test_server.{}", second.pid());
  second.wait_for_line("`ctl --name " + name + "`");
  const CtlResult which = ctl({"status"});
  EXPECT_EQ(which.code, 2);
  EXPECT_NE(which.err.find("--name test_server  (pid " + std::to_string(first.pid())),
            std::string::npos)
      << which.err;
  EXPECT_NE(which.err.find("--name " + name), std::string::npos) << which.err;
  EXPECT_EQ(ctl({"stop", "--name", name}).code, 0);
  EXPECT_EQ(ctl({"status"}).code, 0);
  EXPECT_EQ(first.get("/").status, 200);
}

TEST_F(Ctl, APathOfItsOwnIsUsedByBoth) {
  const TemporaryFolder place;
  const std::string path = place.file("control");
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}, {{"BRIGADE_CONTROL", path}}});
  EXPECT_EQ(ctl({"status", "--control", path}).code, 0);
}

TEST_F(Ctl, AnAppCanDoWithout) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--workers", "1", "--no-control"},
        std::vector<std::string>{"--workers", "1", "--control", "off"}}) {
    ServerProcess server(program(arguments));
    EXPECT_EQ(ctl({"status"}).code, 3);
  }
}

TEST_F(Ctl, AnAppThatFindsNoPlaceRunsOnAndSaysItOnce) {
  std::filesystem::create_directory(folder.directory());
  std::filesystem::permissions(folder.directory(), std::filesystem::perms(0755));
  ServerProcess server(program());
  server.wait_for_line("is open to other users: chmod 700 it");
  EXPECT_EQ(server.count_lines("no control socket"), 1U);
  EXPECT_EQ(server.get("/").status, 200);
}

}  // namespace
