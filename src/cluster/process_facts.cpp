#include "cluster/process_facts.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>

#include "base/files.hpp"

namespace brigade::cluster::detail {

using brigade::detail::read_small_file;

ThreadFacts parse_thread_facts(std::string_view stat, std::string_view schedstat) {
  ThreadFacts out;
  const std::size_t after_name = stat.rfind(')');  // the name may hold anything
  std::istringstream numbers{std::string(schedstat)};
  if (after_name == std::string_view::npos || after_name + 2 >= stat.size() ||
      !(numbers >> out.ran_ns >> out.waited_ns)) {
    return {};
  }
  out.runnable = stat[after_name + 2] == 'R';
  return out;
}

ThreadFacts thread_facts(pid_t process, pid_t thread) {
  const std::string folder = fmt::format("/proc/{}/task/{}/", process, thread);
  return parse_thread_facts(read_small_file(folder + "stat"),
                            read_small_file(folder + "schedstat"));
}

std::uint64_t own_memory(pid_t process) {
  std::istringstream pages(read_small_file(fmt::format("/proc/{}/statm", process)));
  std::uint64_t size = 0, resident = 0, shared = 0;
  if (!(pages >> size >> resident >> shared) || resident < shared) return 0;
  return (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t open_descriptors(pid_t process) {
  std::error_code error;
  std::uint64_t count = 0;
  std::filesystem::directory_iterator at(fmt::format("/proc/{}/fd", process), error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) ++count;
  return count;
}

bool is_traced(pid_t process) {
  const std::string status = read_small_file(fmt::format("/proc/{}/status", process));
  const std::size_t found = status.find("TracerPid:\t");
  return found != std::string::npos && status.compare(found + 11, 2, "0\n") != 0;
}

}  // namespace brigade::cluster::detail
