#include "server.hpp"

#include <brigade/cluster.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <vector>

using namespace brigade;

long TestOptions::number(const std::string& name, long otherwise) const {
  const auto found = values.find(name);
  return found == values.end() ? otherwise : std::stol(found->second);
}

namespace {

TestOptions take_test_options(int& argc, char** argv) {
  constexpr std::string_view prefix = "--test-";
  TestOptions out;
  std::vector<char*> others;
  for (int index = 0; index < argc; ++index) {
    const std::string_view argument(argv[index]);
    const std::size_t equals = argument.find('=');
    if (!argument.starts_with(prefix) || equals == std::string_view::npos) {
      others.push_back(argv[index]);
      continue;
    }
    out.values.emplace(argument.substr(prefix.size(), equals - prefix.size()),
                       argument.substr(equals + 1));
  }
  for (std::size_t index = 0; index < others.size(); ++index) argv[index] = others[index];
  argc = static_cast<int>(others.size());
  argv[argc] = nullptr;
  return out;
}

// Counts the starts of workers in a file: a byte for each.
long note_start(const std::string& path) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  struct stat facts {};
  if (!file || ::write(file.get(), "x", 1) != 1 || ::fstat(file.get(), &facts) != 0) {
    throw std::runtime_error("the file of starts cannot be written");
  }
  return facts.st_size;
}

void misbehave_at_start(const TestOptions& options) {
  if (options.has("throw")) throw std::runtime_error(options.values.at("throw"));
  if (options.has("starts-file")) {
    const long starts = note_start(options.values.at("starts-file"));
    if (starts > options.number("good-starts", 0)) ::_exit(1);
  }
  // A program whose start takes its time.
  if (const long ms = options.number("start-ms", 0)) ::usleep(static_cast<useconds_t>(ms * 1000));
}

http::ServerOptions server_options(const TestOptions& options) {
  http::ServerOptions out;
  const auto ms = [&](const char* name, Duration otherwise) -> Duration {
    return options.has(name) ? std::chrono::milliseconds(options.number(name, 0)) : otherwise;
  };
  out.header_timeout = ms("header-ms", out.header_timeout);
  out.body_timeout = ms("body-ms", out.body_timeout);
  out.idle_timeout = ms("idle-ms", out.idle_timeout);
  out.write_timeout = ms("write-ms", out.write_timeout);
  out.handler_timeout = ms("handler-ms", out.handler_timeout);
  out.max_queue_age = ms("queue-age-ms", out.max_queue_age);
  out.max_in_flight = static_cast<std::size_t>(options.number("in-flight", 0));
  out.max_connections = static_cast<std::size_t>(options.number("max-connections", 0));
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const TestOptions options = take_test_options(argc, argv);
  // A program that has much to do before it comes to its Primary.
  const long primary_ms = options.number("primary-ms", 0);
  if (primary_ms > 0 && cluster::is_primary()) ::usleep(static_cast<useconds_t>(primary_ms * 1000));
  return run(argc, argv,
             {.description = "Does what tests ask for.", .http = server_options(options)},
             [&](App& app) {
               misbehave_at_start(options);
               if (options.has("sticky"))
                 app.server().sticky(http::by_cookie(options.values.at("sticky")));
               add_routes(app);
             });
}
