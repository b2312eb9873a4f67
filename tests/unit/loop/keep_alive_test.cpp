// What run_until_idle() and run_main() wait for.
#include <gtest/gtest.h>
#include <brigade/loop.hpp>
#include <brigade/message_port.hpp>
#include <brigade/sleep.hpp>
#include "support/counted.hpp"
#include "support/fake_loop.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::FakeLoop;

class KeepAliveTest : public testing_support::NothingLeft {};

struct Alarm final : Timer {
  explicit Alarm(std::function<void()> what) : function(std::move(what)) {}
  void on_timer() override { function(); }
  std::function<void()> function;
};

struct Client final : detail::LoopClient {
  void on_loop_end() override { ++told; }
  int told = 0;
};

TEST_F(KeepAliveTest, LoopWithoutRefsIsIdleAtOnce) {
  FakeLoop fake;
  fake.loop.run_until_idle();
  EXPECT_TRUE(fake.poller->timeouts.empty());
}

TEST_F(KeepAliveTest, LoopRunsUntilItsLastRefIsGone) {
  FakeLoop fake;
  Alarm first([&] { fake.loop.unref(); });
  Alarm second([&] { fake.loop.unref(); });
  fake.loop.ref();
  fake.loop.ref();
  EXPECT_EQ(fake.loop.refs(), 2U);
  fake.loop.arm(first, 1s);
  fake.loop.arm(second, 2s);
  fake.loop.run_until_idle();
  EXPECT_EQ(fake.loop.refs(), 0U);
  EXPECT_GE(fake.elapsed(), 2s);
}

TEST_F(KeepAliveTest, TimersAloneKeepNoLoopAlive) {
  FakeLoop fake;
  Alarm alarm([] { ADD_FAILURE() << "nobody waits for it"; });
  fake.loop.arm(alarm, 1s);
  fake.loop.run_until_idle();
  EXPECT_TRUE(alarm.armed());
}

TEST_F(KeepAliveTest, StopEndsItAlsoWithRefs) {
  FakeLoop fake;
  fake.loop.ref();
  fake.loop.post([&] { fake.loop.stop(); });
  fake.loop.run_until_idle();
  EXPECT_EQ(fake.loop.refs(), 1U);
}

TEST_F(KeepAliveTest, StopOfAnEarlierRunDoesNotCount) {
  FakeLoop fake;
  fake.loop.stop();
  fake.loop.ref();
  bool ran = false;
  fake.loop.post([&] {
    ran = true;
    fake.loop.unref();
  });
  fake.loop.run_until_idle();
  EXPECT_TRUE(ran);
}

TEST_F(KeepAliveTest, ClientIsToldOnceThatItsLoopGoes) {
  Client client;
  Client gone_before;
  {
    Loop loop;
    Client dies_first;
    loop.add_client(client);
    loop.add_client(gone_before);
    loop.add_client(dies_first);
    gone_before.unlink();
  }
  EXPECT_EQ(client.told, 1);
  EXPECT_EQ(gone_before.told, 0);
}

TEST_F(KeepAliveTest, ClientOfAFunctionThatRunsAtTheLoopsEndIsToldToo) {
  Client client;
  {
    Loop loop;
    loop.post([&] { loop.add_client(client); });
  }
  EXPECT_EQ(client.told, 1);
}

TEST_F(KeepAliveTest, ClientMayTakeAnotherOutWhenItIsTold) {
  struct TakesOut final : detail::LoopClient {
    explicit TakesOut(Client& which) : other(which) {}
    void on_loop_end() override { other.unlink(); }
    Client& other;
  };
  Client other;
  TakesOut first(other);
  {
    Loop loop;
    loop.add_client(first);
    loop.add_client(other);
  }
  EXPECT_EQ(other.told, 0);
}

TEST_F(KeepAliveTest, ProgramRunsOnAfterItsMainUntilNothingKeepsItAlive) {
  MessageChannel channel;
  std::string got;
  const int code = run_main([&]() -> Task<int> {
    channel.port1.on_message([&](const std::string& text) {
      got = text;
      channel.port1.close();
    });
    channel.port2.post_message("after main").value();
    co_return 3;
  });
  EXPECT_EQ(code, 3);
  EXPECT_EQ(got, "after main");
}

TEST_F(KeepAliveTest, ProgramEndsWithWhatIsUnreferenced) {
  MessageChannel channel;
  const int code = run_main([&]() -> Task<int> {
    channel.port1.on_message([](Value) {});
    channel.port1.unref();
    co_return 4;
  });
  EXPECT_EQ(code, 4);
}

}  // namespace
}  // namespace brigade
