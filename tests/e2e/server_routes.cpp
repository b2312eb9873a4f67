#include "server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>
#include <brigade/log.hpp>
#include <brigade/sleep.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace brigade;

namespace {

std::int64_t number(http::Request& request, const char* name) {
  return request.query().number<std::int64_t>(name).value();
}

std::string word(http::Request& request, const char* name) {
  const auto value = request.query().get(name);
  return value ? std::string(*value) : std::string();
}

http::Response pid_text() {
  return http::text(fmt::format("pid {}", ::getpid()));
}

// Says how it ended, so that a test can see whether it was cancelled.
Task<http::Response> sleep_a_while(std::string name, std::int64_t ms) {
  log::info("{} begins", name);
  try {
    co_await sleep(std::chrono::milliseconds(ms));
  } catch (const Cancelled&) {
    log::info("{} is cancelled", name);
    throw;
  }
  log::info("{} ends", name);
  co_return pid_text();
}

[[noreturn]] http::Response throw_something(const std::string& what) {
  if (what == "standard") throw std::runtime_error("the reason is\nin the log");
  if (what == "number") throw 42;
  if (what == "text") throw "text";
  throw http::HttpError(418, "a teapot");
}

std::string output_of(const char* command) {
  struct Close {
    void operator()(std::FILE* file) const { ::pclose(file); }
  };
  std::string out;
  const std::unique_ptr<std::FILE, Close> pipe(::popen(command, "re"));
  for (int byte = 0; pipe && (byte = std::fgetc(pipe.get())) != EOF;)
    out.push_back(static_cast<char>(byte));
  return out;
}

int overflow_the_stack(int depth) {
  volatile char used[4096];
  used[0] = static_cast<char>(depth);
  return depth == 0 ? 0 : overflow_the_stack(depth + 1) + used[0];
}

// The only socket of that kind in a worker is its channel.
int find_channel() {
  for (int fd = 0; fd < 64; ++fd) {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET)
      return fd;
  }
  throw std::runtime_error("there is no channel");
}

std::string bad_frame(const std::string& kind) {
  if (kind == "short") return "x";
  if (kind == "long") return std::string(60'000, 'x');
  const std::string magic("1GRB");
  const std::string size_of_4_gb(4, '\xff');
  if (kind == "size") return magic + std::string("\1\1\0\0\0\0\0\0", 8) + size_of_4_gb;
  if (kind == "type") return magic + std::string("\1\x7f\0\0\0\0\0\0\0\0\0\0", 12);
  if (kind == "version") return magic + std::string("\x63\1\0\0\0\0\0\0\0\0\0\0", 12);
  return "no magic, but as long as a header";
}

void add_plain_routes(App& app) {
  app.get("/", [](http::Request&) { return pid_text(); });
  app.get("/large", [](http::Request& request) {
    return http::text(std::string(static_cast<std::size_t>(number(request, "bytes")), 'x'));
  });
  app.get("/fields", [](http::Request& request) {
    std::string out;
    for (const auto& field : request.headers())
      out += fmt::format("{}={}\n", field.name, field.value);
    return http::text(out);
  });
  app.get("/throw/:what",
          [](http::Request& request) { return throw_something(request.param("what")); });
  app.get("/throw-later/:what", [](http::Request& request) -> Task<http::Response> {
    co_await yield();
    co_return throw_something(request.param("what"));
  });
}

void add_slow_routes(App& app) {
  const auto slow = [](http::Request& request) -> Task<http::Response> {
    auto response = co_await sleep_a_while(
        fmt::format("{} {}", request.method_name(), request.target()), number(request, "ms"));
    co_return response;
  };
  app.get("/slow", slow);
  app.post("/slow", slow);
  app.get("/limited", slow, {.deadline = std::chrono::milliseconds(100)});
  app.post("/limited",
           [](http::Request& request) -> Task<http::Response> {
             auto body = co_await request.body();
             co_return http::text(std::move(body));
           },
           {.deadline = std::chrono::milliseconds(100)});
  app.get("/block", [](http::Request& request) {
    log::info("blocking begins");
    // A signal ends one sleep, not the blocking.
    const TimePoint until = monotonic_now() + std::chrono::milliseconds(number(request, "ms"));
    while (monotonic_now() < until) ::usleep(1000);
    return pid_text();
  });
}

void add_health_routes(App& app) {
  app.get("/spin", [](http::Request& request) {
    const TimePoint until = monotonic_now() + std::chrono::milliseconds(number(request, "ms"));
    while (monotonic_now() < until) continue;
    return pid_text();
  });
  app.get("/leak", [](http::Request& request) {
    static std::vector<std::string> leaked;
    leaked.emplace_back(static_cast<std::size_t>(number(request, "mb")) << 20, 'x');
    return pid_text();
  });
}

void add_body_routes(App& app) {
  app.post("/echo", [](http::Request& request) -> Task<http::Response> {
    auto body = co_await request.body();
    co_return http::text(std::move(body));
  });
  app.post("/short",
           [](http::Request& request) -> Task<http::Response> {
             auto body = co_await request.body();
             co_return http::text(std::move(body));
           },
           {.max_body = 10});
  app.post("/unread", [](http::Request&) { return http::text("I did not look at it"); });
}

void add_deaths(App& app) {
  app.get("/log-debug", [](http::Request&) {
    log::debug("asked for");
    return pid_text();
  });
  app.get("/exit", [](http::Request& request) -> http::Response {
    ::_exit(static_cast<int>(number(request, "code")));
  });
  // Writes to standard error: so much of it, or something ugly before it exits.
  app.get("/complain", [](http::Request& request) -> http::Response {
    const std::string line(99, 'x');
    auto bytes = request.query().number<std::int64_t>("bytes");
    for (std::int64_t written = 0; bytes && written < bytes.value(); written += 100) {
      std::fprintf(stderr, "%s\n", line.c_str());
    }
    if (bytes) return pid_text();
    std::fprintf(stderr, "an \x1b[31mugly line\nand an end");
    ::_exit(static_cast<int>(number(request, "code")));
  });
  // Faults that happen, unlike /raise, with the handlers that are there.
  app.get("/fault/:kind", [](http::Request& request) {
    const std::string kind(request.param("kind"));
    if (kind == "segv") *static_cast<volatile int*>(nullptr) = 1;
    if (kind == "abort") std::abort();
    if (kind == "overflow") overflow_the_stack(1);
    if (kind == "nowhere") reinterpret_cast<void (*)()>(std::stoul("0"))();
    return pid_text();
  });
  app.get("/raise", [](http::Request& request) {
    // A sanitizer's own handler would turn the signal into an exit.
    const int signal = static_cast<int>(number(request, "signal"));
    ::signal(signal, SIG_DFL);
    ::raise(signal);
    return pid_text();
  });
  app.get("/bad-frame/:kind", [](http::Request& request) {
    const std::string frame = bad_frame(request.param("kind"));
    [[maybe_unused]] const auto sent =
        ::send(find_channel(), frame.data(), frame.size(), MSG_NOSIGNAL);
    return pid_text();
  });
}

void add_views(App& app) {
  app.get("/environment", [](http::Request& request) {
    const char* value = std::getenv(word(request, "name").c_str());
    return http::text(value ? value : "(none)");
  });
  // One shell command after another: what a child of a worker sees.
  app.get("/child", [](http::Request&) {
    return http::text(output_of("env; for fd in /proc/$$/fd/*; do echo \"fd ${fd##*/}\"; done"));
  });
}

}  // namespace

void add_routes(App& app) {
  add_plain_routes(app);
  add_slow_routes(app);
  add_health_routes(app);
  add_body_routes(app);
  add_deaths(app);
  add_views(app);
  app.stats("/stats");
}
