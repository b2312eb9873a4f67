// Ports that move while messages flow and close at any moment; broadcasts, letters and locks.
#include <brigade/broadcast_channel.hpp>
#include <brigade/locks.hpp>
#include <brigade/sleep.hpp>
#include <brigade/thread_messages.hpp>
#include <brigade/thread_run.hpp>
#include <brigade/when.hpp>
#include <brigade/worker_thread.hpp>

#include <fmt/format.h>
#include <optional>

#include "stress/play.hpp"

namespace stress {

using namespace brigade;
using namespace std::chrono_literals;

namespace {

struct Checkpoint {
  int next = 0;
  bool over = false;
};

// Takes some numbers off the port, in order, and passes the port on with the next that it expects.
Task<> take_some(Value given) {
  MessagePort port = std::move(given.at("port").as_port());
  auto next = given.at("next").as_integer();
  Dice dice(static_cast<std::uint64_t>(given.at("seed").as_integer()));
  const int some = dice.below(100);
  for (int i = 0; i < some; ++i) {
    auto number = co_await port.receive<std::int64_t>();
    if (!number) break;
    require(*number == next++, "a moved port lost messages, or their order");
    count(Count::messages);
  }
  (void)threads::parent_port().post_message(
      Value::object({{"port", std::move(port)}, {"next", next}}));
}

// Closes the port in the end: who takes from it must not wait for ever.
Task<> post_numbers(MessagePort port, int numbers, Dice& dice) {
  for (int i = 0; i < numbers; ++i) {
    if (!port.post_message(i)) break;
    if (dice.chance(10)) co_await sleep(dice.up_to(100us));
  }
  port.close();
  count(Count::ports_closed);
}

Task<> listen_for_news(std::int64_t seed) {
  Dice dice(static_cast<std::uint64_t>(seed));
  BroadcastChannel news("stress", {.max_queue = 64});
  (void)news.post_message("hello");
  const int some = dice.below(20);
  for (int i = 0; i < some; ++i) {
    auto item = co_await news.receive();
    if (!item) co_return;
    count(Count::broadcasts);
    if (dice.chance(20)) (void)news.post_message(i);
  }
}

Task<> hold_locks(std::int64_t seed) {
  Dice dice(static_cast<std::uint64_t>(seed));
  for (int i = 0; i < 10; ++i) {
    locks::Options options;
    if (dice.chance(30)) options.mode = locks::Mode::shared;
    if (dice.chance(20)) {
      options.if_available = true;
    } else if (options.mode == locks::Mode::exclusive && dice.chance(20)) {
      options.steal = true;
      count(Count::locks_stolen);
    }
    auto lock = co_await locks::request(fmt::format("stress/{}", dice.below(3)), options);
    count(Count::locks);
    if (dice.chance(50)) co_await sleep(dice.up_to(500us));
    if (dice.chance(5)) throw Broken();  // the thread's end releases it
  }
}

}  // namespace

Task<> play_moving_port(Dice& dice) {
  MessageChannel channel;
  const auto receive = [&dice](MessagePort port) -> Task<> {
    std::int64_t next = 0;
    for (int hop = 0; hop < 4; ++hop) {
      count(Count::ports_moved);
      threads::Worker worker(
          take_some, {.worker_data = Value::object(
                          {{"port", std::move(port)}, {"next", next}, {"seed", dice.seed()}})});
      const bool stop = dice.chance(10);
      if (stop) worker.terminate();
      auto back = co_await worker.receive();
      if (!back) co_return;  // it went down with the thread
      port = std::move(back->at("port").as_port());
      next = back->at("next").as_integer();
      if (dice.chance(10)) co_return;  // closes
    }
  };
  co_await when_all(receive(std::move(channel.port2)),
                    post_numbers(std::move(channel.port1), dice.below(300), dice));
}

Task<> play_closing_ports(Dice& dice) {
  MessageChannel channel({.max_queue = dice.chance(50) ? 4U : 0U});
  const auto other = [](MessagePort port, std::int64_t seed) -> Task<> {
    Dice own(static_cast<std::uint64_t>(seed));
    const int some = own.below(100);
    for (int i = 0; i < some; ++i) {
      auto sent = co_await port.send(std::string(static_cast<std::size_t>(own.below(200)), 'x'));
      if (!sent) co_return;
      if (own.chance(30)) (void)port.try_receive();
    }
    if (own.chance(50)) port.close();
    count(Count::ports_closed);
  };
  const auto here = [&dice](MessagePort port) -> Task<> {
    if (dice.chance(50)) {
      bool over = false;
      port.on_message([](const std::string&) { count(Count::messages); });
      port.on_close([&over] { over = true; });
      while (!over) {
        if (!port.post_message("answer") || dice.chance(2)) port.close();
        co_await sleep(dice.up_to(200us));
      }
    } else {
      while (true) {
        auto text = co_await port.receive<std::string>();
        if (!text || dice.chance(1)) break;
        count(Count::messages);
      }
    }
    // By hand: a parameter lives as long as the frame, which when_all keeps until all have ended.
    port.close();
  };
  const auto there = [&]() -> Task<> {
    co_await threads::run(other, std::move(channel.port2), dice.seed());
  };
  co_await when_all(there(), here(std::move(channel.port1)));
}

Task<> play_broadcast(Dice& dice) {
  std::vector<threads::Worker> workers;
  for (int i = 0; i < 3; ++i) {
    count(Count::workers);
    workers.emplace_back(listen_for_news, threads::WorkerOptions{.worker_data = dice.seed()});
  }
  std::optional<BroadcastChannel> news(std::in_place, "stress");
  news->on_message([](Value) { count(Count::broadcasts); });
  const int posts = dice.below(40);
  for (int i = 0; i < posts; ++i) {
    if (news) require(news->post_message(i).ok(), "a broadcast was refused");
    if (dice.chance(2)) news.reset();
    co_await sleep(dice.up_to(200us));
  }
  for (threads::Worker& worker : workers) {
    count(Count::terminations);
    co_await worker.terminate();
  }
}

Task<> play_locks(Dice& dice) {
  std::vector<threads::Worker> workers;
  for (int i = 0; i < 2; ++i) {
    count(Count::workers);
    workers.emplace_back(hold_locks, threads::WorkerOptions{.worker_data = dice.seed()});
    workers.back().on_error([](const std::exception_ptr& error) { expect_broken(error); });
  }
  try {
    co_await when_any(hold_locks(dice.seed()), as_task(sleep(dice.up_to(5ms))));
  } catch (const Broken&) {
  }
  for (threads::Worker& worker : workers) {
    if (dice.chance(50)) co_await worker.terminate();
  }
}

Task<> play_letters(Dice& dice) {
  count(Count::workers);
  threads::Worker worker([] {
    threads::on_thread_message([](int number, std::uint32_t) {
      if (number == 7) throw Broken();
    });
    threads::parent_port().on_message([](Value) {});
  });
  const int letters = dice.below(20);
  for (int i = 0; i < letters; ++i) {
    count(Count::letters);
    co_await threads::post_to_thread(worker.thread_id(), dice.below(7), dice.up_to(2ms));
    if (dice.chance(5)) worker.terminate();
  }
}

}  // namespace stress
