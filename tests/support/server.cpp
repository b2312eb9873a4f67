#include "support/server.hpp"

#include <unistd.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace brigade::testing_support {
namespace {

Program on_any_port(Program program) {
  program.arguments.insert(program.arguments.begin(), {"--port", "0", "--host", "127.0.0.1"});
  // Those who care say otherwise; the others need not wait for it.
  auto& arguments = program.arguments;
  if (std::find(arguments.begin(), arguments.end(), "--probation-seconds") == arguments.end()) {
    arguments.insert(arguments.begin(), {"--probation-seconds", "0"});
  }
  return program;
}

}  // namespace

ServerProcess::ServerProcess(Program program) : Process(on_any_port(std::move(program))) {
  // "Listening on http://127.0.0.1:44813 (primary 29938, workers 29957 29958)"
  const std::string line = wait_for_line("Listening on ");
  port_ = static_cast<std::uint16_t>(std::stoul(line.substr(line.rfind(':') + 1)));
  const std::size_t workers = line.find("workers ");
  if (workers == std::string::npos) return;
  std::istringstream numbers(line.substr(workers + 8));
  for (pid_t worker = 0; numbers >> worker;) first_workers_.push_back(worker);
}

boost::json::value ServerProcess::stats() const {
  return boost::json::parse(get("/stats").body);
}

ExitStatus ServerProcess::stop() {
  signal(SIGTERM);
  return wait();
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = std::filesystem::temp_directory_path() / "brigade-test-XXXXXX";
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace brigade::testing_support
