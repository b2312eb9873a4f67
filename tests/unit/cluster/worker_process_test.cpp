// A real worker, and the test in its primary's place.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <brigade/child.hpp>
#include <brigade/task_group.hpp>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "cluster/channel.hpp"
#include "cluster/listen_socket.hpp"
#include "cluster/own_slot.hpp"
#include "cluster/process.hpp"
#include "cluster/role.hpp"
#include "self_spawn.hpp"

namespace brigade::cluster::detail {
namespace {

using test::ChildTask;

// What the workers do. They report with failed(), the one message that carries free text.

const ChildTask listens("worker listens", [] {
  Loop loop;
  const auto process = Process::join();
  auto socket = loop.run(process->listen({.host = "127.0.0.1", .port = 4000, .backlog = 16}));
  if (!socket) {
    process->failed(socket.error().message());
    return socket.error().code();
  }
  process->listening(
      fmt::format("{} board {} fd {}", socket->address, socket->board, socket->fd ? "yes" : "no"));
  return 0;
});

const ChildTask listens_twice("worker listens twice", [] {
  Loop loop;
  const auto process = Process::join();
  int code = 0;
  for (int i = 0; i < 2; ++i) {
    auto socket = loop.run(process->listen({.host = "127.0.0.1", .port = 4000, .backlog = 16}));
    process->failed(socket ? "got it" : socket.error().message());
    code = socket ? 0 : socket.error().code();
  }
  return code;
});

const ChildTask listens_on_zero("worker listens on port 0", [] {
  Loop loop;
  const auto process = Process::join();
  static_cast<void>(loop.run(process->listen({.backlog = 16})));
  static_cast<void>(loop.run(process->listen({.backlog = 16})));
  return 0;
});

struct Drained final : Drainable {
  void on_drain(Duration quiet_time, Duration deadline_time) override {
    quiet = quiet_time;
    deadline = deadline_time;
    told.set();
  }
  Event told;
  Duration quiet{}, deadline{};
};

Task<> listen_and_forget(Process& process) {
  static_cast<void>(co_await process.listen({.host = "127.0.0.1", .port = 4000, .backlog = 16}));
}

long descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

const ChildTask gives_up("worker gives up listening", [] {
  Loop loop;
  const auto process = Process::join();
  Drained member;
  process->add(member);
  TaskGroup group;
  group.spawn(listen_and_forget(*process));
  group.cancel();
  const long before = descriptors();
  loop.run([](TaskGroup& of) -> Task<> { co_await of.join(); }(group));
  loop.run([](Drained& of) -> Task<> { co_await of.told.wait(); }(member));
  process->failed(fmt::format("{} descriptors more", descriptors() - before));
  return 0;
});

const ChildTask drains("worker drains", [] {
  Loop loop;
  const auto process = Process::join();
  Drained member;
  process->add(member);
  process->listening("ready");
  loop.run([](Drained& of) -> Task<> { co_await of.told.wait(); }(member));
  process->failed(fmt::format("quiet {} deadline {}", member.quiet / std::chrono::milliseconds(1),
                              member.deadline / std::chrono::milliseconds(1)));
  return 9;
});

const ChildTask leaves("worker leaves", [] {
  Loop loop;
  Process::join()->drain(Duration(0), Duration(0), true);
  return 0;
});

const ChildTask counts("worker counts", [] {
  own_slot().figures().loop.requests.add(5);
  return static_cast<int>(own_slot().index);
});

class WorkerProcessTest : public testing::Test {
 protected:
  void start(const std::string& task) {
    auto pair = Channel::make_pair().value();
    auto spawned = test::spawn_self(task, pair.second.get(), board.fd().get(),
                                    {{role_variable, fmt::format("7,2,{}", slot)}});
    ASSERT_TRUE(spawned);
    child.emplace(std::move(spawned->pidfd), [this](ExitStatus status) { ended = status; });
    channel.emplace(std::move(pair.first),
                    Channel::Callbacks{[this](Message message) { take(std::move(message)); },
                                       [](const char*) {}});
  }
  void take(Message message) {
    if (message.type == MessageType::listen) wanted = Listen::decode(message.body);
    said.push_back(fmt::format("{} {}", name(message.type), message.body));
    if (message.type == MessageType::listen) said.back() = "listen " + wanted->key();
    if (on_message) on_message(message);
  }
  static std::string name(MessageType type) {
    switch (type) {
      case MessageType::online:
        return "online";
      case MessageType::listen:
        return "listen";
      case MessageType::listening:
        return "listening";
      case MessageType::failed:
        return "failed";
      case MessageType::goodbye:
        return "goodbye";
      default:
        return "nonsense";
    }
  }
  ExitStatus run() {
    while (!ended) loop.turn(true);
    channel->receive_pending();
    return *ended;
  }
  // Answers each request to listen.
  void answer(const ListenReply& reply, bool with_socket) {
    on_message = [this, reply, with_socket](const Message& message) {
      if (message.type != MessageType::listen) return;
      Message out{MessageType::listen_reply, message.sequence, reply.encode(), Fd()};
      if (with_socket) out.fd = socket.fd.duplicate();
      channel->send(std::move(out));
    };
  }

  Loop loop;
  stats::Scoreboard board = stats::Scoreboard::create(4).value();
  unsigned unused = board.claim_slot({.id = 6, .number = 1, .generation = 1}).value();
  unsigned slot = board.claim_slot({.id = 7, .number = 2, .generation = 1}).value();
  ListenSocket socket = listen_on("127.0.0.1", 0, 16).value();
  std::optional<ChildWatch> child;
  std::optional<Channel> channel;
  std::optional<ExitStatus> ended;
  std::optional<Listen> wanted;
  std::vector<std::string> said;
  std::function<void(const Message&)> on_message;
};

using Said = std::vector<std::string>;

TEST_F(WorkerProcessTest, SaysThatItIsOnlineAndAsksForItsSocket) {
  answer({0, "127.0.0.1:4000", 3}, true);
  start("worker listens");
  EXPECT_EQ(run().code, 0);
  EXPECT_EQ(said,
            (Said{"online ", "listen 127.0.0.1:4000", "listening 127.0.0.1:4000 board 3 fd yes"}));
  EXPECT_EQ(wanted->backlog, 16);
}

TEST_F(WorkerProcessTest, HandsThePrimarysRefusalOnAsAValue) {
  answer({EADDRINUSE, "somebody is there", 0}, false);
  start("worker listens");
  EXPECT_EQ(run().code, EADDRINUSE);
  EXPECT_EQ(said.back(), "failed somebody is there");
}

TEST_F(WorkerProcessTest, RefusesAnAnswerWithoutASocket) {
  answer({0, "127.0.0.1:4000", 0}, false);
  start("worker listens");
  EXPECT_EQ(run().code, EPROTO);
}

TEST_F(WorkerProcessTest, RefusesAnAnswerThatMakesNoSense) {
  on_message = [this](const Message& message) {
    if (message.type != MessageType::listen) return;
    channel->send({MessageType::listen_reply, message.sequence, "?", Fd()});
  };
  start("worker listens");
  EXPECT_EQ(run().code, EPROTO);
}

TEST_F(WorkerProcessTest, IgnoresAnAnswerThatItDidNotAskFor) {
  on_message = [this](const Message& message) {
    if (message.type != MessageType::listen) return;
    const std::string body = ListenReply{0, "127.0.0.1:4000", 1}.encode();
    channel->send({MessageType::listen_reply, message.sequence + 99, "?", socket.fd.duplicate()});
    channel->send({MessageType::listen_reply, message.sequence, body, socket.fd.duplicate()});
  };
  start("worker listens");
  EXPECT_EQ(run().code, 0);
  EXPECT_EQ(said.back(), "listening 127.0.0.1:4000 board 1 fd yes");
}

TEST_F(WorkerProcessTest, GivesASocketBackThatComesWhenNobodyWaitsForItAnyMore) {
  std::uint32_t asked = 0;
  on_message = [&](const Message& message) {
    if (message.type == MessageType::listen) asked = message.sequence;
    if (message.type != MessageType::unlisten) return;
    EXPECT_EQ(Unlisten::decode(message.body)->key, "127.0.0.1:4000");
    const std::string body = ListenReply{0, "127.0.0.1:4000", 1}.encode();
    channel->send({MessageType::listen_reply, asked, body, socket.fd.duplicate()});
    channel->send({MessageType::drain, 0, Drain{1, 2}.encode(), Fd()});
  };
  start("worker gives up listening");
  EXPECT_EQ(run().code, 0);
  EXPECT_EQ(said.back(), "failed 0 descriptors more");
}

TEST_F(WorkerProcessTest, DoesNotAskTwiceForAFixedPort) {
  answer({0, "127.0.0.1:4000", 0}, true);
  start("worker listens twice");
  run();
  ASSERT_EQ(said.size(), 4U);
  EXPECT_EQ(said[2], "failed got it");
  EXPECT_NE(said[3].find("listens there already"), std::string::npos) << said[3];
}

TEST_F(WorkerProcessTest, AsksAgainForAPortThatItWasRefused) {
  answer({EADDRINUSE, "somebody is there", 0}, false);
  start("worker listens twice");
  run();
  EXPECT_EQ(said, (Said{"online ", "listen 127.0.0.1:4000", "failed somebody is there",
                        "listen 127.0.0.1:4000", "failed somebody is there"}));
}

TEST_F(WorkerProcessTest, NumbersItsSocketsOfPortZero) {
  answer({0, "127.0.0.1:4000", 0}, true);
  start("worker listens on port 0");
  run();
  EXPECT_EQ(said, (Said{"online ", "listen :0#0", "listen :0#1"}));
}

TEST_F(WorkerProcessTest, FailsToListenWhenThePrimaryIsGone) {
  on_message = [this](const Message& message) {
    if (message.type == MessageType::listen) loop.post([this] { channel.reset(); });
  };
  start("worker listens");
  while (!ended) loop.turn(true);
  EXPECT_EQ(ended->code, EPIPE);
}

TEST_F(WorkerProcessTest, GivesAPortBackThatItDidNotGet) {
  on_message = [this](const Message& message) {
    if (message.type == MessageType::listen) loop.post([this] { channel.reset(); });
  };
  start("worker listens twice");
  while (!ended) loop.turn(true);
  EXPECT_EQ(ended->code, EPIPE);  // of the second time; not EADDRINUSE
}

TEST_F(WorkerProcessTest, DrainsAsThePrimarySays) {
  on_message = [this](const Message& message) {
    if (message.type != MessageType::online) return;
    channel->send({MessageType::drain, 0, Drain{150, 2500}.encode(), Fd()});
  };
  start("worker drains");
  EXPECT_EQ(run().code, 9);
  EXPECT_EQ(said.back(), "failed quiet 150 deadline 2500");
}

TEST_F(WorkerProcessTest, DrainsWhenThePrimaryIsGone) {
  on_message = [this](const Message&) { loop.post([this] { channel.reset(); }); };
  start("worker drains");
  while (!ended) loop.turn(true);
  EXPECT_EQ(ended->code, 9);
}

TEST_F(WorkerProcessTest, DrainsOnSigtermInItsOwnTime) {
  on_message = [this](const Message& message) {
    if (message.type == MessageType::listening) child->send_signal(SIGTERM);
  };
  start("worker drains");
  EXPECT_EQ(run().code, 9);
  EXPECT_EQ(said.back(), "failed quiet 250 deadline 30000");
}

TEST_F(WorkerProcessTest, LeavesSigintToItsPrimary) {
  on_message = [this](const Message& message) {
    if (message.type != MessageType::listening) return;
    child->send_signal(SIGINT);
    channel->send({MessageType::drain, 0, Drain{1, 2}.encode(), Fd()});
  };
  start("worker drains");
  EXPECT_EQ(run().code, 9);
  EXPECT_EQ(said.back(), "failed quiet 1 deadline 2");
}

TEST_F(WorkerProcessTest, SaysGoodbyeWhenItLeavesOfItsOwnWill) {
  start("worker leaves");
  run();
  EXPECT_EQ(said, (Said{"online ", "goodbye "}));
}

TEST_F(WorkerProcessTest, CountsInTheSlotThatItWasGiven) {
  start("worker counts");
  EXPECT_EQ(run().code, static_cast<int>(slot));
  EXPECT_EQ(board.slot(slot).loop.requests.get(), 5U);
  EXPECT_EQ(board.slot(unused).loop.requests.get(), 0U);
}

}  // namespace
}  // namespace brigade::cluster::detail
