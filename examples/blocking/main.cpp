// Calls that wait, on threads that are there for it.
#include <fmt/format.h>
#include <netdb.h>
#include <brigade/blocking.hpp>
#include <brigade/loop.hpp>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

using namespace brigade;
using namespace std::chrono_literals;

std::string read_whole_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

int resolve(const std::string& host) {
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), "80", nullptr, &found);
  if (code == 0) ::freeaddrinfo(found);
  return code;
}

Task<int> run_calls() {
  const std::string name = co_await blocking(read_whole_file, std::string("/proc/self/comm"));
  fmt::print("read: {}", name);

  const int code = co_await blocking({.name = "resolve", .run_deadline = 30s}, resolve,
                                     std::string("127.0.0.1"));
  fmt::print("resolved: {}\n", code == 0 ? "yes" : ::gai_strerror(code));

  try {
    co_await blocking(read_whole_file, std::string("/no/such/file"));
  } catch (const std::runtime_error& error) {  // what the call throws arrives here
    fmt::print("{}\n", error.what());
  }
  co_return 0;
}

int main() {
  return run_main(run_calls);
}
