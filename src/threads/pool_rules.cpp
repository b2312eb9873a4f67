#include "threads/pool_rules.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace brigade::detail {

PoolSize pool_size(const ThreadPoolOptions& options, unsigned cpus) {
  const unsigned usual = std::max(1U, options.threads != 0 ? options.threads : cpus);
  PoolSize size{};
  size.max = std::max(
      1U, options.max_threads.value_or(std::max(usual, options.min_threads.value_or(usual))));
  size.min = options.min_threads.value_or(std::min(usual, size.max));
  if (options.thread_per_job) size.min = 0;
  if (size.min > size.max) {
    throw std::invalid_argument(fmt::format("pool \"{}\": min_threads is {}, above max_threads, {}",
                                            options.name, size.min, size.max));
  }
  return size;
}

}  // namespace brigade::detail
