// How long a worker takes from being started to listening, as its primary sees it: starts a program
// of ours with a debug log and reads the times off it.
//
//   bench_startup PROGRAM
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/time.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: {} PROGRAM\n", argv[0]);
    return 2;
  }
  std::vector<double> times;
  for (int run = 0; run < 20; ++run) {
    int pipe_ends[2];
    if (::pipe(pipe_ends) != 0) return 1;
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::dup2(pipe_ends[1], STDERR_FILENO);
      ::dup2(pipe_ends[1], STDOUT_FILENO);
      ::setenv("BRIGADE_LOG", "debug", 1);
      ::execl(argv[1], argv[1], "--workers", "2", "--port", "0", nullptr);
      ::_exit(127);
    }
    ::close(pipe_ends[1]);
    std::string text;
    char buffer[4096];
    for (ssize_t got = 0; text.find("Listening on") == std::string::npos &&
                          (got = ::read(pipe_ends[0], buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(got));
    }
    constexpr std::string_view marker = "listens after ";
    for (std::size_t at = text.find(marker); at != std::string::npos;
         at = text.find(marker, at + 1)) {
      times.push_back(std::atof(text.c_str() + at + marker.size()));
    }
    ::kill(pid, SIGTERM);
    ::close(pipe_ends[0]);
    ::waitpid(pid, nullptr, 0);
  }
  if (times.empty()) return 1;
  std::sort(times.begin(), times.end());
  fmt::print("{}: worker start to listening: median {:.1f} ms, max {:.1f} ms ({} starts)\n",
             std::filesystem::path(argv[1]).filename().string(), times[times.size() / 2],
             times.back(), times.size());
}
