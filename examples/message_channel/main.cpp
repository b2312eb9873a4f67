// Two worker threads that talk to each other, not by way of their owner.
#include <fmt/format.h>
#include <brigade/message_port.hpp>
#include <brigade/worker_thread.hpp>

#include <string>

using namespace brigade;

struct Order {
  int number = 0;
  std::string item;
};
BOOST_DESCRIBE_STRUCT(Order, (), (number, item))

// worker_data is the port itself.
Task<> produce(MessagePort port) {
  for (int number = 1; number <= 5; ++number) {
    auto sent = co_await port.send(Order{number, fmt::format("item {}", number)});
    sent.value();  // throws when the other end has closed
  }
  auto paid = co_await port.receive<int>();  // both ends receive and send
  threads::print(fmt::format("producer: paid {}", paid.value_or(0)));
}  // the port closes here, behind what was sent

Task<> consume(MessagePort port) {
  int count = 0;
  while (auto order = co_await port.receive<Order>()) {
    threads::print(fmt::format("consumer: order {}, {}", order->number, order->item));
    if (++count == 5) port.post_message(count * 10).value();
  }
  threads::parent_port().post_message(count).value();
}

Task<int> start() {
  MessageChannel channel({.max_queue = 2});  // a third message waits in send()
  threads::Worker producer(produce, {.worker_data = std::move(channel.port1), .name = "producer"});
  threads::Worker consumer(consume, {.worker_data = std::move(channel.port2), .name = "consumer"});
  auto count = co_await consumer.receive<int>();
  co_await producer.exited();
  co_await consumer.exited();
  fmt::print("{} orders\n", count.value());
  co_return 0;
}

int main() {
  return run_main(start);
}
