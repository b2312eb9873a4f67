// Clients that ask all the time, and note everything that is not as it should be.
#pragma once

#include "support/http_client.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace brigade::testing_support {

struct LoadOptions {
  unsigned keep_alive = 3;      // clients that keep their connection as long as the server does
  unsigned per_connection = 2;  // … that make one for each request
  /// Answers with a text that ends with the pid of the process that answered.
  std::string target = "/";
};

struct Failure {
  ClientError::Kind kind;
  std::string what;
  pid_t worker = 0;   // who answered this connection's earlier requests; 0: it had none
  bool idle = false;  // an idle connection, closed without having been announced, before any byte
};

struct LoadResult {
  std::uint64_t answered = 0;  // with 200
  std::uint64_t other_status = 0;
  std::uint64_t announced_closes = 0;  // `Connection: close` that the client had not asked for
  std::vector<Failure> failures;

  std::string text() const;
};

class Load {
 public:
  explicit Load(std::uint16_t port, LoadOptions options = {});
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { stop(); }

  /// Requests answered so far.
  std::uint64_t answered() const { return answered_; }
  /// Waits for so many answers more; false when they do not come.
  bool goes_on(std::uint64_t more = 50) const;
  LoadResult stop();

 private:
  void keep_asking();
  void keep_connecting();
  void note(const Answer& answer);
  void note(Failure failure);

  std::uint16_t port_;
  LoadOptions options_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> answered_{0};
  std::mutex mutex_;
  LoadResult result_;  // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace brigade::testing_support
