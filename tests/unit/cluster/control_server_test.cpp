// The server's side of the control socket, with real sockets and a handler of the test.
#include "cluster/control_server.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "cluster/control_json.hpp"
#include "support/fake_loop.hpp"

namespace brigade::cluster::detail {
namespace {

using testing_support::FakeLoop;

class Client {
 public:
  explicit Client(const sockaddr_un& address, socklen_t size)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  }
  void send(std::string_view bytes) {
    [[maybe_unused]] const auto sent =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void ask(std::string_view text) { send(encode_frame(text)); }
  // What has come so far.
  std::vector<std::string> read() {
    std::array<char, 4096> buffer;
    while (true) {
      const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (got > 0) decoder_.feed({buffer.data(), static_cast<std::size_t>(got)});
      if (got == 0 || (got < 0 && errno != EAGAIN)) cut_ = true;
      if (got <= 0) break;
    }
    std::vector<std::string> out;
    while (auto frame = decoder_.next()) out.push_back(*frame);
    return out;
  }
  bool is_cut() {
    read();
    return cut_;
  }

 private:
  Fd socket_;
  FrameDecoder decoder_{max_answer};
  bool cut_ = false;
};

class ControlServerTest : public testing::Test {
 protected:
  ControlServerTest() {
    // A name that the kernel chooses, in the abstract namespace: nothing to clean up.
    listening = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    address.sun_family = AF_UNIX;
    EXPECT_EQ(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)),
              0);
    size = sizeof address;
    ::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size);
    EXPECT_EQ(::listen(listening.get(), 64), 0);
    server.emplace(listening.get(), Value::object({{"brigade", "control"}}),
                   [this](ControlConnection& client, const std::string& request) {
                     requests.push_back(request);
                     if (request == "wait") return client.wait();
                     if (request == "stream") {
                       client.answer(Value("on"));
                       return client.begin_stream();
                     }
                     if (request == "big") return client.answer(Value(std::string(900'000, 'x')));
                     client.answer(Value("re: " + request));
                   });
  }
  Client connect() { return Client(address, size); }
  void settle() {
    for (int turn = 0; turn < 30; ++turn) fake.loop.turn(false);
  }
  void pass(Duration time) {
    fake.clock.advance(time);
    settle();
  }

  FakeLoop fake;
  Fd listening;
  sockaddr_un address{};
  socklen_t size = 0;
  std::vector<std::string> requests;
  std::optional<ControlServer> server;
};

using Texts = std::vector<std::string>;

TEST_F(ControlServerTest, GreetsAndAnswers) {
  Client client = connect();
  settle();
  EXPECT_EQ(client.read(), Texts{R"({"brigade":"control"})"});
  client.ask("one");
  settle();
  EXPECT_EQ(client.read(), Texts{"\"re: one\""});
  client.ask("two");
  settle();
  EXPECT_EQ(client.read(), Texts{"\"re: two\""});
}

TEST_F(ControlServerTest, PutsARequestTogetherFromItsBytes) {
  Client client = connect();
  for (const char byte : encode_frame("slowly")) {
    client.send({&byte, 1});
    settle();
  }
  EXPECT_EQ(requests, Texts{"slowly"});
}

TEST_F(ControlServerTest, CutsAClientThatAsksNothing) {
  Client client = connect();
  settle();
  pass(std::chrono::milliseconds(4900));
  EXPECT_FALSE(client.is_cut());
  pass(std::chrono::milliseconds(200));
  EXPECT_TRUE(client.is_cut());
  EXPECT_EQ(server->size(), 0U);
}

TEST_F(ControlServerTest, CutsAClientThatSendsAByteASecond) {
  Client client = connect();
  settle();
  const std::string frame = encode_frame("never");
  for (int second = 0; second < 6; ++second) {
    client.send({&frame[static_cast<std::size_t>(second)], 1});
    pass(std::chrono::seconds(1));
  }
  EXPECT_TRUE(client.is_cut());
  EXPECT_TRUE(requests.empty());
}

TEST_F(ControlServerTest, LetsAClientWaitForItsAnswer) {
  Client client = connect();
  client.ask("wait");
  settle();
  pass(std::chrono::hours(1));
  EXPECT_FALSE(client.is_cut());
  server->find(1)->answer(Value("at last"));
  EXPECT_EQ(client.read().back(), "\"at last\"");
}

TEST_F(ControlServerTest, ForgetsAWaitingClientThatLeaves) {
  {
    Client client = connect();
    client.ask("wait");
    settle();
    EXPECT_NE(server->find(1), nullptr);
  }
  settle();
  EXPECT_EQ(server->find(1), nullptr);
  EXPECT_EQ(server->size(), 0U);
}

TEST_F(ControlServerTest, RefusesWhatIsSentBeforeTheAnswer) {
  Client client = connect();
  client.send(encode_frame("one") + encode_frame("two"));
  settle();
  EXPECT_TRUE(requests.empty());
  EXPECT_NE(client.read().back().find("ask again when"), std::string::npos);
  EXPECT_TRUE(client.is_cut());
}

TEST_F(ControlServerTest, RefusesALengthBeyondTheLimitAndHangsUp) {
  Client client = connect();
  client.send("\xff\xff\xff\xff lots of bytes");
  settle();
  EXPECT_NE(client.read().back().find("1 to 65536 bytes"), std::string::npos);
  EXPECT_TRUE(client.is_cut());
  EXPECT_EQ(server->size(), 0U);
}

TEST_F(ControlServerTest, CutsAClientThatDoesNotReadItsAnswer) {
  Client client = connect();
  client.ask("big");
  settle();
  EXPECT_EQ(server->size(), 1U);
  pass(std::chrono::seconds(6));
  EXPECT_EQ(server->size(), 0U);
}

TEST_F(ControlServerTest, SendsALongAnswerInPieces) {
  Client client = connect();
  client.ask("big");
  Texts all;
  for (int round = 0; round < 100 && all.size() < 2; ++round) {
    settle();
    for (auto& each : client.read()) all.push_back(std::move(each));
  }
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].size(), 900'002U);
}

TEST_F(ControlServerTest, AnswersTheOwnerAmongTwoHundredIdleClients) {
  std::deque<Client> idle;
  for (int count = 0; count < 200; ++count) {
    idle.push_back(connect());
    if (count % 32 == 0) settle();  // the kernel's queue is no longer than 64
  }
  settle();
  EXPECT_LE(server->size(), 32U);
  Client owner = connect();
  owner.ask("status");
  settle();
  EXPECT_EQ(owner.read().back(), "\"re: status\"");
}

TEST_F(ControlServerTest, KeepsAPlaceThatNobodyCanHold) {
  std::deque<Client> waiting;
  for (int count = 0; count < 31; ++count) {
    EXPECT_TRUE(server->may_wait());
    waiting.push_back(connect());
    waiting.back().ask("wait");
    settle();
  }
  EXPECT_FALSE(server->may_wait());
  for (int count = 0; count < 5; ++count) {
    Client owner = connect();
    owner.ask("status");
    settle();
    EXPECT_EQ(owner.read().back(), "\"re: status\"");
    EXPECT_FALSE(waiting.front().is_cut());
  }
}

TEST_F(ControlServerTest, StreamsEvents) {
  Client client = connect();
  client.ask("stream");
  settle();
  client.read();
  server->send_event(Value::object({{"event", "fork"}}));
  pass(std::chrono::hours(1));
  EXPECT_EQ(client.read(), Texts{R"({"event":"fork"})"});
  EXPECT_FALSE(client.is_cut());
}

TEST_F(ControlServerTest, CountsTheEventsThatAStoppedReaderMisses) {
  Client client = connect();
  client.ask("stream");
  settle();
  client.read();
  constexpr int sent = 20'000;
  for (int number = 0; number < sent; ++number) {
    server->send_event(Value::object({{"event", "exit"}, {"number", number}}));
  }
  // It reads again, and something happens.
  std::int64_t seen = 0;
  std::int64_t missed = 0;
  const auto count = [&](const Texts& texts) {
    for (const auto& text : texts) {
      auto event = parse_json(text);
      ASSERT_TRUE(event);
      if (event->at("event").as_string() == "dropped") {
        missed += event->at("count").as_integer();
      } else {
        ++seen;
      }
    }
  };
  for (int round = 0; round < 50; ++round) {
    count(client.read());
    settle();
  }
  EXPECT_LT(seen, sent);
  server->send_event(Value::object({{"event", "last"}}));
  settle();
  count(client.read());
  EXPECT_GT(missed, 0);
  EXPECT_EQ(seen + missed, sent + 1);
}

TEST_F(ControlServerTest, SurvivesGarbage) {
  std::mt19937 random(99);
  for (int round = 0; round < 300; ++round) {
    Client client = connect();
    for (int part = 0; part < 4; ++part) {
      std::string bytes(1 + random() % 60, '\0');
      for (char& each : bytes) each = static_cast<char>(random() % 3 == 0 ? random() : 0);
      client.send(bytes);
      if (random() % 2 == 0) fake.loop.turn(false);
    }
    fake.loop.turn(false);
  }
  settle();
  Client owner = connect();
  owner.ask("still there");
  settle();
  EXPECT_EQ(owner.read().back(), "\"re: still there\"");
}

}  // namespace
}  // namespace brigade::cluster::detail
