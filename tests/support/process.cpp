#include "support/process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <iterator>
#include <set>
#include <stdexcept>

extern char** environ;

namespace brigade::testing_support {
namespace {

constexpr const char* mark_variable = "TEST_PROCESS_MARK";

// Those that Process objects started, and reap themselves.
std::mutex programs_mutex;
std::set<pid_t> programs;

std::string next_mark() {
  static std::atomic<int> count{0};
  return fmt::format("{}={}.{}", mark_variable, ::getpid(), ++count);
}

std::string contents(const std::string& path) {
  // Not by iterators: those throw when the process goes while its file is read.
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> out;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size()) out.push_back(pid);
  }
  return out;
}

// The environment that a process was started with, whatever it has erased since.
bool has_mark(pid_t pid, const std::string& mark) {
  const std::string environment = '\0' + contents(fmt::format("/proc/{}/environ", pid));
  return environment.find('\0' + mark + '\0') != std::string::npos;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& string : strings) out.push_back(const_cast<char*>(string.c_str()));
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_of(const Program& program, const std::string& mark) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    // A developer's own settings must not change what a test sees.
    if (name.starts_with("BRIGADE_") || program.environment.contains(name)) continue;
    out.emplace_back(text);
  }
  for (const auto& [name, value] : program.environment)
    out.push_back(fmt::format("{}={}", name, value));
  // Only who tests control sockets wants them, in a folder of its own.
  if (!program.environment.contains("BRIGADE_CONTROL") &&
      !program.environment.contains("XDG_RUNTIME_DIR")) {
    out.emplace_back("BRIGADE_CONTROL=off");
  }
  out.push_back(mark);
  return out;
}

ExitStatus status_from(int raw) {
  if (WIFSIGNALED(raw)) return {0, WTERMSIG(raw)};
  return {WEXITSTATUS(raw), 0};
}

}  // namespace

std::optional<ProcessFacts> look_up(pid_t pid) {
  const std::string text = contents(fmt::format("/proc/{}/stat", pid));
  const std::size_t after_name = text.rfind(')');  // the name may hold anything
  if (after_name == std::string::npos || after_name + 4 > text.size()) return std::nullopt;
  ProcessFacts out;
  out.state = text[after_name + 2];
  const char* number = text.data() + after_name + 4;
  std::from_chars(number, text.data() + text.size(), out.parent);
  return out;
}

bool is_alive(pid_t pid) {
  const auto facts = look_up(pid);
  return facts && facts->state != 'Z' && facts->state != 'X';
}

std::size_t count_descriptors(pid_t pid) {
  std::error_code ignored;
  const std::filesystem::directory_iterator all(fmt::format("/proc/{}/fd", pid), ignored);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

Process::Process(const Program& program) : mark_(next_mark()) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::array<int, 2> out{}, err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipes");
  }
  std::vector<std::string> arguments = {program.path};
  arguments.insert(arguments.end(), program.arguments.begin(), program.arguments.end());
  const std::vector<std::string> environment = environment_of(program, mark_);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  std::unique_lock lock(programs_mutex);
  const int error = ::posix_spawnp(&pid_, program.path.c_str(), &actions, nullptr,
                                   pointers(arguments).data(), pointers(environment).data());
  if (error == 0) programs.insert(pid_);
  lock.unlock();
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  out_fd_ = out[0];
  err_fd_ = err[0];
  if (error != 0) {
    ::close(out_fd_);
    ::close(err_fd_);
    throw std::runtime_error(
        fmt::format("cannot start {}: {}", program.path, std::strerror(error)));
  }
  stop_fd_ = ::eventfd(0, EFD_CLOEXEC);
  reader_ = std::thread([this] { read_streams(); });
}

Process::~Process() {
  // Stopped first, it replaces nobody while its family is killed.
  if (!status_) ::kill(pid_, SIGSTOP);
  for (const pid_t each : family()) ::kill(each, SIGKILL);
  if (!status_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    status_ = ExitStatus{0, SIGKILL};
  }
  const Deadline deadline;
  while (!reap_orphans() && !deadline.passed()) {
    for (const pid_t each : family()) ::kill(each, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  {
    const std::lock_guard lock(programs_mutex);
    programs.erase(pid_);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_fd_, &one, sizeof one);
  reader_.join();
  for (const int fd : {out_fd_, err_fd_, stop_fd_}) ::close(fd);
}

void Process::read_streams() {
  std::array<pollfd, 3> sources{
      {{out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
  std::array<char, 16 << 10> buffer{};
  while (sources[0].fd >= 0 || sources[1].fd >= 0) {
    if (::poll(sources.data(), sources.size(), -1) < 0 && errno != EINTR) return;
    bool any = false;
    for (std::size_t index = 0; index < 2; ++index) {
      if (sources[index].fd < 0 || sources[index].revents == 0) continue;
      any = true;
      const std::lock_guard lock(mutex_);  // for read_what_is_there()
      const ssize_t got = ::read(sources[index].fd, buffer.data(), buffer.size());
      if (got <= 0) {
        sources[index].fd = -1;  // poll ignores it
        continue;
      }
      (index == 0 ? out_ : err_).append(buffer.data(), static_cast<std::size_t>(got));
      more_.notify_all();
    }
    if (!any && sources[2].revents != 0) return;  // what came before the end is read first
  }
}

// What it wrote before it ended is in out() and err() once it is known to have ended.
void Process::read_what_is_there() const {
  eventually([this] {
    const std::lock_guard lock(mutex_);
    int out = 0;
    int err = 0;
    ::ioctl(out_fd_, FIONREAD, &out);
    ::ioctl(err_fd_, FIONREAD, &err);
    return out == 0 && err == 0;
  });
}

std::string Process::out() const {
  const std::lock_guard lock(mutex_);
  return out_;
}

std::string Process::err() const {
  const std::lock_guard lock(mutex_);
  return err_;
}

std::string Process::all() const {
  return fmt::format("--- stdout\n{}--- stderr\n{}---", out_, err_);
}

std::optional<std::string> Process::find_line(std::string_view part, std::size_t count) const {
  for (const std::string* stream : {&out_, &err_}) {
    std::size_t begin = 0;
    std::size_t seen = 0;
    for (std::size_t end = 0; (end = stream->find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      std::string line = stream->substr(begin, end - begin);
      if (line.find(part) != std::string::npos && ++seen == count) return line;
    }
  }
  return std::nullopt;
}

std::string Process::wait_for_lines(std::string_view part, std::size_t count) const {
  std::unique_lock lock(mutex_);
  std::optional<std::string> line;
  // The system's clock, as ThreadSanitizer does not know pthread_cond_clockwait.
  const auto until = std::chrono::system_clock::now() + patience;
  if (!more_.wait_until(lock, until, [&] { return (line = find_line(part, count)).has_value(); })) {
    throw std::runtime_error(fmt::format("no line {} with \"{}\" in:\n{}", count, part, all()));
  }
  return *line;
}

std::size_t Process::count_lines(std::string_view part) const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  while (find_line(part, count + 1)) ++count;
  return count;
}

bool Process::running() {
  if (status_) return false;
  int raw = 0;
  if (::waitpid(pid_, &raw, WNOHANG) != pid_) return true;
  status_ = status_from(raw);
  read_what_is_there();
  return false;
}

ExitStatus Process::wait() {
  if (!eventually([this] { return !running(); })) {
    const std::lock_guard lock(mutex_);
    throw std::runtime_error("the program does not end:\n" + all());
  }
  return *status_;
}

std::vector<pid_t> Process::children() const {
  std::vector<pid_t> out;
  for (const pid_t each : all_processes()) {
    const auto facts = look_up(each);
    if (facts && facts->parent == pid_ && facts->state != 'Z' && facts->state != 'X')
      out.push_back(each);
  }
  return out;
}

std::vector<pid_t> Process::family() const {
  std::vector<pid_t> out;
  for (const pid_t each : all_processes()) {
    if (each != pid_ && each != ::getpid() && has_mark(each, mark_) && is_alive(each)) {
      out.push_back(each);
    }
  }
  return out;
}

bool Process::reap_orphans() {
  const std::lock_guard lock(programs_mutex);
  for (const pid_t each : all_processes()) {
    const auto facts = look_up(each);
    // A zombie has no environment left to be known by. But every child of ours that no Process
    // started is such an orphan.
    const bool orphan = facts && facts->parent == ::getpid() && !programs.contains(each);
    if (orphan && facts->state == 'Z') ::waitpid(each, nullptr, WNOHANG);
  }
  return family().empty();
}

std::size_t Process::count_zombies() const {
  std::size_t count = 0;
  for (const pid_t each : all_processes()) {
    const auto facts = look_up(each);
    if (facts && facts->parent == pid_ && facts->state == 'Z') ++count;
  }
  return count;
}

}  // namespace brigade::testing_support
