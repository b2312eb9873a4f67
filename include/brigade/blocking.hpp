// A thread for calls that wait: files, getaddrinfo, a client library without an asynchronous form.
//
//     auto text = co_await blocking(read_whole_file, path);
//
// Apart from the pools for CPU work, so that computing never waits behind a disk, nor a disk behind
// computing. (SQLite databases have threads of their own, one pool each: see brigade/database.hpp.)
#pragma once

#include <brigade/thread_pool.hpp>

#include <utility>

namespace brigade {

/// The process's pool for blocking calls: made at the first call, 0 to 16 threads that end after 10
/// idle seconds, normal priority (waiting costs no CPU), 256 jobs in the queue. Never destroyed, so
/// that it can be used until the process ends. Thread: any.
const ThreadPool& blocking_pool();

/// co_await blocking(function, args…): as ThreadPool::run.
template <class Function, class... Args>
  requires(!std::is_same_v<Function, JobOptions>)
auto blocking(Function function, Args... args) {
  return blocking_pool().run(std::move(function), std::move(args)...);
}
template <class Function, class... Args>
auto blocking(JobOptions options, Function function, Args... args) {
  return blocking_pool().run(std::move(options), std::move(function), std::move(args)...);
}

}  // namespace brigade
