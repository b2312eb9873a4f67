#include <brigade/this_thread.hpp>

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "threads/thread_context.hpp"

namespace brigade::threads {
namespace detail {
namespace {

thread_local ThreadContext* current = nullptr;

void write_out(int fd, std::string_view text) {
  // One write per line, so that lines of several threads do not mix. A full pipe may take less.
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void print_to(int fd, std::string_view text) {
  std::string line(text);
  if (line.empty() || line.back() != '\n') line += '\n';
  if (current && current->output) return current->output(std::move(line), fd == STDERR_FILENO);
  write_out(fd, line);
}

}  // namespace

ThreadContext* worker_context() {
  return current;
}

ThreadContext& context() {
  if (current) return *current;
  static ThreadContext* const process = [] {
    auto* made = new ThreadContext;  // never freed: threads may outlive static objects
    made->environment = std::make_shared<Environment>(Environment::of_process());
    return made;
  }();
  return *process;
}

void set_worker_context(ThreadContext* context) {
  current = context;
}

std::uint32_t next_thread_id() {
  static std::atomic<std::uint32_t> last{0};
  return ++last;
}

void run_at_end(ThreadContext& context) {
  while (!context.at_end.empty()) {
    const auto give_back = std::move(context.at_end.back());
    context.at_end.pop_back();
    give_back();
  }
}

}  // namespace detail

bool is_main_thread() {
  return ::gettid() == ::getpid();
}

std::uint32_t thread_id() {
  return detail::current ? detail::current->id : 0;
}

std::string_view thread_name() {
  return detail::current ? std::string_view(detail::current->name) : std::string_view();
}

MessagePort& parent_port() {
  if (detail::current) return detail::current->parent_port;
  thread_local MessagePort closed;
  return closed;
}

Value& worker_data() {
  if (detail::current) return detail::current->worker_data;
  thread_local Value null;
  null = Value();
  return null;
}

Environment& environment() {
  return *detail::context().environment;
}

std::stop_token stop_token() {
  return detail::current ? detail::current->stop : std::stop_token();
}

void exit(int code) {
  if (detail::current) detail::current->exit_code = code;
  const brigade::detail::ExitRequest request{code};
  // Also to the loop, in case somebody on the way up swallows it.
  if (Loop* loop = Loop::try_current()) loop->fail(std::make_exception_ptr(request));
  throw request;
}

void at_exit(std::function<void(int& code)> hook) {
  if (detail::current) detail::current->exit_hooks.push_back(std::move(hook));
}

void print(std::string_view text) {
  detail::print_to(STDOUT_FILENO, text);
}

void print_error(std::string_view text) {
  detail::print_to(STDERR_FILENO, text);
}

}  // namespace brigade::threads
