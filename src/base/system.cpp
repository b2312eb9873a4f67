#include <brigade/system.hpp>

#include "base/cgroup.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

namespace brigade {

std::vector<int> allowed_cpus() {
  // The mask can be larger than cpu_set_t holds; grow it until the kernel is content.
  for (int capacity = CPU_SETSIZE; capacity <= 1 << 20; capacity *= 2) {
    cpu_set_t* mask = CPU_ALLOC(static_cast<std::size_t>(capacity));
    const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(capacity));
    CPU_ZERO_S(size, mask);
    std::vector<int> out;
    const bool ok = ::sched_getaffinity(0, size, mask) == 0;
    for (int cpu = 0; ok && cpu < capacity; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), size, mask)) out.push_back(cpu);
    }
    const int error = errno;
    CPU_FREE(mask);
    if (ok) return out;
    if (error != EINVAL) break;
  }
  return {0};
}

unsigned available_parallelism() {
  unsigned count = static_cast<unsigned>(std::max<std::size_t>(allowed_cpus().size(), 1));
  if (const auto quota = detail::cgroup_cpu_quota()) {
    count = std::min(count, std::max(1U, *quota));
  }
  return count;
}

Result<void> pin_this_thread(int cpu) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  CPU_SET(static_cast<std::size_t>(cpu), &mask);
  if (::sched_setaffinity(0, sizeof mask, &mask) != 0) {
    return Error::from_errno(errno, fmt::format("pin a thread to CPU {}", cpu));
  }
  return {};
}

void name_this_thread(std::string_view name) {
  const std::string cut(name.substr(0, 15));
  ::pthread_setname_np(::pthread_self(), cut.c_str());
}

std::size_t raise_fd_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur;
}

}  // namespace brigade
