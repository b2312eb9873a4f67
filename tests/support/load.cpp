#include "support/load.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <optional>

namespace brigade::testing_support {
namespace {

// Busy, but not so that other tests starve beside it.
void pause() {
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

pid_t pid_from(const std::string& body) {
  const std::size_t space = body.rfind(' ');
  return space == std::string::npos ? 0 : std::atoi(body.c_str() + space);
}

}  // namespace

std::string LoadResult::text() const {
  std::string out = fmt::format("{} answered, {} with another status than 200, {} failed", answered,
                                other_status, failures.size());
  for (const Failure& failure : failures) {
    out += fmt::format("\n  {} (worker {}{})", failure.what, failure.worker,
                       failure.idle ? ", idle" : "");
  }
  return out;
}

Load::Load(std::uint16_t port, LoadOptions options) : port_(port), options_(std::move(options)) {
  for (unsigned n = 0; n < options_.keep_alive; ++n)
    threads_.emplace_back([this] { keep_asking(); });
  for (unsigned n = 0; n < options_.per_connection; ++n) {
    threads_.emplace_back([this] { keep_connecting(); });
  }
}

bool Load::goes_on(std::uint64_t more) const {
  const std::uint64_t wanted = answered() + more;
  return eventually([&] { return answered() >= wanted; });
}

LoadResult Load::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  const std::lock_guard lock(mutex_);
  result_.answered = answered_;
  return result_;
}

void Load::note(const Answer& answer) {
  if (answer.status == 200) {
    ++answered_;
    return;
  }
  const std::lock_guard lock(mutex_);
  ++result_.other_status;
}

void Load::note(Failure failure) {
  const std::lock_guard lock(mutex_);
  result_.failures.push_back(std::move(failure));
}

void Load::keep_asking() {
  std::optional<Client> client;
  pid_t worker = 0;
  for (; !stopping_; pause()) {
    try {
      if (!client) {
        worker = 0;
        client.emplace(port_);
      }
      const Answer answer = client->get(options_.target);
      note(answer);
      worker = pid_from(answer.body);
      if (!answer.closes()) continue;
      const std::lock_guard lock(mutex_);
      ++result_.announced_closes;
    } catch (const ClientError& error) {
      const bool idle = worker != 0 && error.kind == ClientError::Kind::silent;
      note({error.kind, error.what(), worker, idle});
    }
    client.reset();
  }
}

void Load::keep_connecting() {
  for (; !stopping_; pause()) {
    try {
      Client client(port_);
      note(client.request("GET", options_.target, {}, "Connection: close\r\n"));
    } catch (const ClientError& error) {
      note({error.kind, error.what(), 0, false});
    }
  }
}

}  // namespace brigade::testing_support
