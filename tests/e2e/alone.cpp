// http::Server without a cluster, without options: two of them on one loop.
#include <brigade/http/server.hpp>
#include <brigade/sleep.hpp>
#include <brigade/when.hpp>

#include <cstdio>

using namespace brigade;

namespace {

Task<> say_where(http::Server& first, http::Server& second) {
  while (first.addresses().empty() || second.addresses().empty())
    co_await sleep(std::chrono::milliseconds(1));
  std::printf("first %s second %s\n", first.addresses()[0].c_str(), second.addresses()[0].c_str());
  std::fflush(stdout);
}

}  // namespace

int main() {
  http::Server first;
  http::Server second;
  first.get("/", [](http::Request&) { return http::text("first"); });
  second.get("/", [](http::Request&) { return http::text("second"); });
  second.get("/close", [&](http::Request&) {
    second.close();
    return http::text("closing");
  });
  first.listen({.host = "127.0.0.1", .port = 0});
  second.listen({.host = "127.0.0.1", .port = 0});
  return run_main([&]() -> Task<int> {
    co_await when_all(first.serve(), second.serve(), say_where(first, second));
    co_return 0;
  });
}
