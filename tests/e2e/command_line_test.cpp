#include <gtest/gtest.h>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

std::size_t cpu_count(pid_t pid) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(pid, sizeof set, &set) != 0) return 0;
  return static_cast<std::size_t>(CPU_COUNT(&set));
}

// The program run without root's rights; nothing when that cannot be.
std::optional<Program> without_rights(Program program) {
  if (::geteuid() != 0) return program;
  Program out{"setpriv", {"--reuid", "65534", "--regid", "65534", "--clear-groups", program.path}};
  try {
    out.arguments.emplace_back("--help");
    if (Process(out).wait().code != 0) return std::nullopt;
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
  out.arguments.pop_back();
  out.arguments.insert(out.arguments.end(), program.arguments.begin(), program.arguments.end());
  out.environment = program.environment;
  return out;
}

int first_unprivileged_port() {
  std::ifstream file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  int port = 1024;
  file >> port;
  return port;
}

}  // namespace

TEST(CommandLine, HelpTellsTheOptions) {
  Process help({HELLO_PROGRAM, {"--help"}});
  EXPECT_EQ(help.wait().code, 0);
  for (const char* part :
       {"Says hello.", "--workers", "--port", "--host", "--pin", "BRIGADE_WORKERS"}) {
    help.wait_for_line(part);
  }
}

TEST(CommandLine, AnUnknownOptionEndsWithTwo) {
  Process process({HELLO_PROGRAM, {"--nonsense"}});
  EXPECT_EQ(process.wait().code, 2);
  process.wait_for_line("--nonsense");
}

TEST(CommandLine, ABadNumberOfWorkersEndsWithTwo) {
  for (const char* workers : {"many", "-1", "1000000", "2x"}) {
    Process process({HELLO_PROGRAM, {"--port", "0", "--workers", workers}});
    EXPECT_EQ(process.wait().code, 2) << workers;
    process.wait_for_line("--workers");
  }
}

TEST(CommandLine, ABadPortEndsWithTwo) {
  for (const char* port : {"65536", "-1", "http"}) {
    Process process({HELLO_PROGRAM, {"--port", port}});
    EXPECT_EQ(process.wait().code, 2) << port;
    process.wait_for_line("--port");
  }
}

TEST(CommandLine, AHostThatIsNoAddressEndsWithItsName) {
  Process process({HELLO_PROGRAM, {"--port", "0", "--workers", "2", "--host", "example.invalid"}});
  EXPECT_EQ(process.wait().code, 2);
  process.wait_for_line("\"example.invalid\"");
}

TEST(CommandLine, MaxIsAWorkerForEachCpu) {
  const ServerProcess server({HELLO_PROGRAM, {"--workers", "max"}});
  EXPECT_EQ(server.first_workers().size(), cpu_count(0));
}

TEST(CommandLine, ThatIsTheDefaultToo) {
  const ServerProcess server({HELLO_PROGRAM});
  EXPECT_EQ(server.first_workers().size(), cpu_count(0));
}

TEST(CommandLine, NoWorkersIsOneProcess) {
  const ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "0"}});
  EXPECT_EQ(server.get("/").body, fmt::format("pid {}", server.pid()));
  EXPECT_TRUE(server.children().empty());
}

TEST(CommandLine, TheEnvironmentSetsOptions) {
  const ServerProcess server({HELLO_PROGRAM, {}, {{"BRIGADE_WORKERS", "3"}}});
  EXPECT_EQ(server.first_workers().size(), 3U);
}

TEST(CommandLine, OptionsGoBeforeTheEnvironment) {
  const ServerProcess server({HELLO_PROGRAM, {"--workers", "1"}, {{"BRIGADE_WORKERS", "3"}}});
  EXPECT_EQ(server.first_workers().size(), 1U);
}

TEST(CommandLine, ABadEnvironmentEndsWithTwo) {
  Process process({HELLO_PROGRAM, {"--port", "0"}, {{"BRIGADE_WORKERS", "many"}}});
  EXPECT_EQ(process.wait().code, 2);
}

TEST(CommandLine, PortAndHostCanComeFromTheEnvironment) {
  const Process process(
      {HELLO_PROGRAM, {}, {{"BRIGADE_PORT", "0"}, {"BRIGADE_HOST", "127.0.0.1"}}});
  const std::string line = process.wait_for_line("Listening on http://127.0.0.1:");
  EXPECT_EQ(line.find("127.0.0.1:3000"), std::string::npos) << line;
}

TEST(CommandLine, ItServesOnEveryAddressUnlessToldOtherwise) {
  const Process process({HELLO_PROGRAM, {"--port", "0", "--workers", "1"}});
  const std::string line = process.wait_for_line("Listening on http://127.0.0.1:");
  EXPECT_EQ(Client(static_cast<std::uint16_t>(std::stoul(line.substr(line.rfind(':') + 1))))
                .get("/")
                .body,
            "Hello, World!");
}

TEST(CommandLine, PinGivesEachWorkerACpu) {
  const ServerProcess server({HELLO_PROGRAM, {"--workers", "2", "--pin"}});
  for (const pid_t worker : server.first_workers()) EXPECT_EQ(cpu_count(worker), 1U);
  EXPECT_EQ(cpu_count(server.pid()), cpu_count(0));
}

TEST(CommandLine, APortInUseIsToldWithWhoUsesIt) {
  const ServerProcess holder({HELLO_PROGRAM, {"--workers", "1"}});
  const std::string port = std::to_string(holder.port());
  Process second({HELLO_PROGRAM, {"--workers", "2", "--host", "127.0.0.1", "--port", port}});
  EXPECT_EQ(second.wait().code, 1);
  const std::string line = second.wait_for_line("it is in use by pid ");
  EXPECT_NE(line.find(":" + port), std::string::npos) << line;
  EXPECT_NE(line.find("--port"), std::string::npos) << line;
  // The workers have the socket as well.
  const pid_t told = std::stoi(line.substr(line.find("by pid ") + 7));
  EXPECT_TRUE(told == holder.pid() || told == holder.first_workers()[0]) << line;
}

TEST(CommandLine, APortInUseIsToldByAProgramOfOneProcessToo) {
  const ServerProcess holder({HELLO_PROGRAM, {"--workers", "1"}});
  Process second(
      {HELLO_PROGRAM,
       {"--workers", "0", "--host", "127.0.0.1", "--port", std::to_string(holder.port())}});
  EXPECT_EQ(second.wait().code, 1);
  second.wait_for_line("it is in use by pid ");
}

TEST(CommandLine, APrivilegedPortIsToldWithWhatToDo) {
  if (first_unprivileged_port() <= 81) GTEST_SKIP() << "here no port is privileged";
  const auto program = without_rights({HELLO_PROGRAM, {"--workers", "2", "--port", "81"}});
  if (!program) GTEST_SKIP() << "the program cannot be run by another user";
  Process process(*program);
  EXPECT_EQ(process.wait().code, 1);
  const std::string line = process.wait_for_line("are for root");
  EXPECT_NE(line.find("port 81"), std::string::npos) << line;
  EXPECT_NE(line.find("setcap"), std::string::npos) << line;
}

#ifdef PRODUCTION_PROGRAM

TEST(CommandLine, ADatabaseInAMissingFolderIsTold) {
  const TemporaryFolder folder;
  const std::string database = folder.file("missing/users.db");
  Process process({PRODUCTION_PROGRAM, {"--port", "0"}, {{"BRIGADE_DATABASE", database}}});
  EXPECT_EQ(process.wait().code, 1);
  process.wait_for_line(database);
}

TEST(CommandLine, ADatabaseThatIsNoneIsTold) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("users.db")) << std::string(5000, 'x');
  Process process(
      {PRODUCTION_PROGRAM, {"--port", "0"}, {{"BRIGADE_DATABASE", folder.file("users.db")}}});
  EXPECT_EQ(process.wait().code, 1);
  process.wait_for_line("users.db");
}

TEST(CommandLine, ADatabaseThatCannotBeWrittenIsTold) {
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  const std::string database = folder.file("users.db");
  const auto program =
      without_rights({PRODUCTION_PROGRAM, {"--port", "0"}, {{"BRIGADE_DATABASE", database}}});
  if (!program) GTEST_SKIP() << "the program cannot be run by another user";
  Process process(*program);
  EXPECT_EQ(process.wait().code, 1);
  process.wait_for_line(database);
}

#endif
