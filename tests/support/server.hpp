// A server program that a test runs: a Process that says where it listens.
#pragma once

#include "support/http_client.hpp"
#include "support/process.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace brigade::testing_support {

/// Started with `--port 0 --host 127.0.0.1` and `arguments`; waits until all its workers listen.
class ServerProcess : public Process {
 public:
  explicit ServerProcess(Program program);

  std::uint16_t port() const { return port_; }
  /// As announced, once, at the start.
  const std::vector<pid_t>& first_workers() const { return first_workers_; }
  Client connect() const { return Client(port_); }
  /// On a connection of its own.
  Answer get(const std::string& target) const { return connect().get(target); }
  /// /stats, parsed.
  boost::json::value stats() const;
  /// Sends SIGTERM and waits.
  ExitStatus stop();

 private:
  std::uint16_t port_ = 0;
  std::vector<pid_t> first_workers_;
};

/// An empty folder that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  std::string file(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace brigade::testing_support
