// A primary that starts one worker after another, each with the settings of a test, and prints what
// it hears. The workers tell what they have got, and end.
#include <fmt/format.h>
#include <unistd.h>
#include <brigade/cluster.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace brigade;
using brigade::cluster::Output;
using brigade::cluster::Worker;

namespace {

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print(format, std::forward<Args>(args)...);
  std::printf("\n");
  std::fflush(stdout);
}

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "(none)";
}

int run_worker(int argc, char** argv) {
  std::array<char, 256> directory{};
  const char* where = ::getcwd(directory.data(), directory.size());
  std::string arguments;
  for (int index = 1; index < argc; ++index) arguments += std::string(" ") + argv[index];
  say("got{} in {} A={} B={} user {}", arguments, where ? where : "nowhere", variable("A"),
      variable("B"), ::getuid());
  std::fprintf(stderr, "complains, without an end of the line");
  return 7;
}

// Each is given to fork() after the one before it.
std::vector<cluster::WorkerSettings> settings_of(std::string_view test, const char* program) {
  if (test == "cumulative") {
    return {{.arguments = {{program, "first"}}, .directory = "/"}, {.directory = "/proc"}};
  }
  if (test == "environment") return {{.environment = {{{"A", "settings"}, {"B", "settings"}}}}};
  if (test == "pipe") return {{.output = Output::pipe}};
  if (test == "keep") return {{.output = Output::keep}};
  if (test == "program") return {{.program = "/no/such/program"}};
  if (test == "user") return {{.uid = 4321, .gid = 4321}};
  return {{}};
}

}  // namespace

int main(int argc, char** argv) {
  if (cluster::is_worker()) return run_worker(argc, argv);
  cluster::Primary primary({.restart = false});
  const std::string_view test = argc > 1 ? argv[1] : "";
  primary.on_exit([](Worker&, ExitStatus status) { say("exit: {}", status.text()); });
  primary.on_error([](Worker*, const Error& error) { say("error: {}", error.message()); });
  primary.on_output([](Worker& worker, cluster::OutputStream stream, std::string_view line) {
    say("{} {}: {}", stream == cluster::OutputStream::out ? "out" : "err", worker.id(), line);
  });
  for (const auto& patch : settings_of(test, argv[0])) {
    primary.configure(patch);
    if (!primary.fork({{"A", "fork"}})) return 3;
  }
  primary.on_setup([](const cluster::WorkerSettings& settings) {
    say("setup: directory {}", settings.directory.value_or("(none)"));
  });
  const int code = primary.run();
  say("A of the primary: {}", variable("A"));
  return code;
}
