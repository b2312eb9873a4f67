#ifdef PRODUCTION_PROGRAM

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <csignal>
#include <cstdlib>
#include <set>

#include "e2e/images.hpp"
#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

struct ProductionServer {
  TemporaryFolder folder;
  ServerProcess server;

  explicit ProductionServer(const char* workers = "2")
      : server(
            {PRODUCTION_PROGRAM,
             {"--workers", workers},
             {{"BRIGADE_DATABASE", folder.file("users.db")}, {"TSAN_OPTIONS", tsan_options()}}}) {}

  // libvips is not built with ThreadSanitizer, which does not see how it synchronises its threads.
  static std::string tsan_options() {
    const char* given = std::getenv("TSAN_OPTIONS");
    return std::string(given ? given : "") + " ignore_noninstrumented_modules=1";
  }
};

struct Production : testing::Test, ProductionServer {
  Client client = server.connect();

  Answer add_user(const std::string& body, const std::string& type = "application/json") {
    return client.request("POST", "/users", body, "Content-Type: " + type + "\r\n");
  }
};

// Two clients, of two workers.
std::pair<Client, Client> one_of_each(const ServerProcess& server) {
  Client first = server.connect();
  const std::string pid = first.get("/").body;
  while (true) {
    Client second = server.connect();
    if (second.get("/").body != pid) return {std::move(first), std::move(second)};
  }
}

std::string error_in(const Answer& answer) {
  return std::string(boost::json::parse(answer.body).at("error").as_string());
}

}  // namespace

TEST_F(Production, SaysWhichWorkerAnswers) {
  const std::string body = client.get("/").body;
  ASSERT_TRUE(body.starts_with("Hello from worker ")) << body;
  const pid_t pid = std::stoi(body.substr(18));
  const auto& workers = server.first_workers();
  EXPECT_TRUE(pid == workers[0] || pid == workers[1]) << body;
}

TEST_F(Production, SuggestsWhatToTry) {
  server.wait_for_line("curl http://127.0.0.1:");
}

TEST_F(Production, ListsItsUsers) {
  const Answer answer = client.get("/users");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("Content-Type"), "application/json");
  const auto users = boost::json::parse(answer.body);
  ASSERT_EQ(users.as_array().size(), 3U);
  EXPECT_EQ(users.at(0),
            (boost::json::value{{"id", 1}, {"name", "Ada"}, {"email", "ada@example.com"}}));
}

TEST_F(Production, AddsAUserThatAllWorkersThenKnow) {
  auto [first, second] = one_of_each(server);
  const Answer added =
      first.request("POST", "/users", R"({"name":"Alan","email":"alan@example.com"})",
                    "Content-Type: application/json\r\n");
  EXPECT_EQ(added.status, 201);
  EXPECT_EQ(added.field("Location"), "/users/4");
  EXPECT_EQ(second.get("/users/4").body, added.body);
}

TEST_F(Production, KnowsNoUserThatIsNotThere) {
  for (const char* path : {"/users/999", "/users/zero", "/users/99999999999999999999"}) {
    const Answer answer = client.get(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_FALSE(error_in(answer).empty());
  }
}

TEST_F(Production, RefusesAUserItCannotRead) {
  for (const char* body :
       {"{", "[]", R"({"name":"Alan"})", R"({"name":7,"email":"a@b"})",
        R"({"name":"","email":"a@b"})", R"({"name":"Alan","email":"nowhere"})"}) {
    const Answer answer = add_user(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_FALSE(error_in(answer).empty());
  }
}

TEST_F(Production, RefusesAUserThatIsNoJson) {
  EXPECT_EQ(add_user("name=Alan", "application/x-www-form-urlencoded").status, 415);
}

TEST_F(Production, RefusesASecondUserOfOneAddress) {
  const Answer answer = add_user(R"({"name":"Also Ada","email":"ada@example.com"})");
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(error_in(answer), "email: another user has this address");
}

TEST_F(Production, TreatsWhatItIsToldAsDataOnly) {
  const std::string name = "Robert'); DROP TABLE users;--";
  EXPECT_EQ(add_user(R"({"name":")" + name + R"(","email":"bobby@example.com"})").status, 201);
  EXPECT_EQ(boost::json::parse(client.get("/users/4").body).at("name").as_string(), name);
}

TEST_F(Production, KeepsItsUsersWhenWorkersDie) {
  EXPECT_EQ(add_user(R"({"name":"Alan","email":"alan@example.com"})").status, 201);
  for (const pid_t worker : server.first_workers()) ::kill(worker, SIGKILL);
  EXPECT_EQ(server.get("/users/4").status, 200);
}

TEST_F(Production, MakesThumbnailsOfPhotographs) {
  auto all = photographs();
  if (all.empty())
    GTEST_SKIP() << "no photographs in /usr/share/backgrounds: scripts/install-packages test";
  if (all.size() > 3) all.resize(3);  // tens of megapixels each
  for (const auto& path : all) {
    const Answer answer = client.request("POST", "/thumbnail?width=320", contents_of(path));
    ASSERT_EQ(answer.status, 200) << path << ": " << answer.body;
    EXPECT_EQ(answer.field("Content-Type"), "image/jpeg");
    const auto size = jpeg_size(answer.body);
    ASSERT_TRUE(size) << path;
    EXPECT_EQ(size->width, 320U) << path;
    EXPECT_GT(size->height, 100U) << path;
  }
}

TEST_F(Production, MakesThumbnailsOfPngAndWebp) {
  for (const std::string& image : {tiny_png(), tiny_webp()}) {
    const Answer answer = client.request("POST", "/thumbnail", image);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto size = jpeg_size(answer.body);
    ASSERT_TRUE(size);
    EXPECT_EQ(size->width, 1U);  // never enlarged
  }
}

TEST_F(Production, MakesNoThumbnailOfAnythingElse) {
  for (const std::string& body :
       {std::string("no image"), std::string("GIF89a\1\0\1\0\0\0\0;", 14),
        std::string("<svg xmlns='http://www.w3.org/2000/svg'/>"), tiny_png().substr(0, 20)}) {
    const Answer answer = client.request("POST", "/thumbnail", body);
    EXPECT_EQ(answer.status, 415) << body;
    EXPECT_FALSE(error_in(answer).empty());
  }
}

TEST_F(Production, RefusesAnImageThatClaimsTooManyPixels) {
  EXPECT_EQ(client.request("POST", "/thumbnail", png_that_claims(20'000, 20'000)).status, 413);
}

TEST_F(Production, RefusesAnImageOfTooManyBytes) {
  EXPECT_EQ(client.request("POST", "/thumbnail", std::string((20 << 20) + 1, 'x')).status, 413);
}

TEST_F(Production, RefusesAWidthThatMakesNoSense) {
  for (const char* width : {"0", "-1", "100000", "wide"}) {
    EXPECT_EQ(client.request("POST", std::string("/thumbnail?width=") + width, tiny_png()).status,
              400)
        << width;
  }
}

TEST_F(Production, SumsSquareRoots) {
  EXPECT_EQ(client.get("/heavy?n=4").body, "6.146\n");
  EXPECT_EQ(client.get("/heavy?n=-1").status, 400);
}

TEST_F(Production, ShowsTheWholeClusterFromWhicheverWorker) {
  auto [first, second] = one_of_each(server);
  const auto stats = boost::json::parse(first.get("/stats").body);
  const auto later = boost::json::parse(second.get("/stats").body);
  std::set<std::int64_t> pids;
  for (const auto& worker : stats.at("workers").as_array())
    pids.insert(worker.at("pid").as_int64());
  EXPECT_EQ(pids, (std::set<std::int64_t>{server.first_workers()[0], server.first_workers()[1]}));
  EXPECT_EQ(stats.at("primary").at("pid"), server.pid());
  EXPECT_EQ(later.at("primary"), stats.at("primary"));
  EXPECT_GT(later.at("totals").at("requests").to_number<int>(),
            stats.at("totals").at("requests").to_number<int>());
  EXPECT_EQ(first.get("/stats").field("Cache-Control"), "no-store");
}

TEST(ProductionPool, SaysWhenItIsFullAndAnswersLightRequestsStill) {
  ProductionServer production("1");
  const ServerProcess& server = production.server;
  std::vector<Client> heavy;
  for (int count = 0; count < 80; ++count) {
    heavy.push_back(server.connect());
    heavy.back().send("GET /heavy?n=1000000000 HTTP/1.1\r\nHost: t\r\n\r\n");
  }
  ASSERT_TRUE(eventually(
      [&] { return server.stats().at("totals").at("pool").at("refused").to_number<int>() > 0; }));
  const Answer answer = server.get("/heavy?n=1000000000");
  EXPECT_EQ(answer.status, 503);
  EXPECT_FALSE(answer.field("Retry-After").empty());
  EXPECT_FALSE(error_in(answer).empty());
  EXPECT_EQ(server.get("/").status, 200);
}

TEST(ProductionAlone, ServesFromOneProcess) {
  ProductionServer production("0");
  EXPECT_EQ(production.server.get("/").body,
            fmt::format("Hello from worker {}", production.server.pid()));
  EXPECT_EQ(production.server.get("/users").status, 200);
  EXPECT_EQ(production.server.stats().at("workers").as_array().size(), 1U);
  EXPECT_EQ(production.server.stop().code, 0);
}

#endif
