// What threads find by name or number: data, a broadcast channel, a lock, each other.
#include <fmt/format.h>
#include <brigade/broadcast_channel.hpp>
#include <brigade/environment_data.hpp>
#include <brigade/locks.hpp>
#include <brigade/shared_array.hpp>
#include <brigade/thread_messages.hpp>
#include <brigade/worker_thread.hpp>

#include <cstdint>
#include <string>

using namespace brigade;
using namespace std::chrono_literals;

struct Config {
  std::string city;
  SharedArray<std::int32_t> stock;
};
BOOST_DESCRIBE_STRUCT(Config, (), (city, stock))

// Takes one item out of stock. What it does needs no atomics: it has the lock.
Task<> buy() {
  auto config = threads::get_environment_data<Config>("config").value();
  auto lock = co_await locks::request("stock");  // waits in line; released at the end
  const int left = config.stock[0] - 1;
  config.stock[0] = left;
  BroadcastChannel sales("sales");  // one that posts does not hear itself
  sales.post_message(fmt::format("{}: {} left", config.city, left)).value();
}

Task<> answer_questions() {
  threads::on_thread_message([](std::string question, std::uint32_t) {
    threads::parent_port().post_message(question + " 42").value();
  });
  threads::parent_port().post_message(0).value();  // listening now
  co_await threads::parent_port().receive();       // until the owner says something
}

Task<int> show() {
  auto stock = SharedArray<std::int32_t>::create(1);
  stock[0] = 3;
  threads::set_environment_data("config", Config{"Turin", stock}).value();  // for later threads

  BroadcastChannel sales("sales");
  threads::Worker first(buy);
  threads::Worker second(buy);
  for (int sale = 0; sale < 2; ++sale) {
    auto text = co_await sales.receive<std::string>();
    fmt::print("{}\n", text.value());
  }
  co_await first.exited();
  co_await second.exited();

  threads::Worker oracle(answer_questions);
  co_await oracle.receive<int>();
  auto outcome = co_await threads::post_to_thread(oracle.thread_id(), "the answer?", 10s);
  auto answer = co_await oracle.receive<std::string>();
  fmt::print("{}: {}\n", threads::to_string(outcome), answer.value());
  oracle.post_message("enough").value();
  co_await oracle.exited();
  co_return 0;
}

int main() {
  return run_main(show);
}
