#include "cluster/fault_report.hpp"

#include <fcntl.h>
#include <link.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>
#include <brigade/task_scope.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "cluster/stack_report.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr std::array fatal_signals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t max_modules = 48;
constexpr std::size_t alternate_stack_size = 64 * 1024;

struct Module {
  std::uintptr_t begin, end, bias;
  const char* name;  // the file's, without its folder; empty for the program itself
};
std::array<Module, max_modules> modules;
std::size_t module_count = 0;
int report_fd = -1;
alignas(16) std::array<char, alternate_stack_size> alternate_stack;

int note_module(dl_phdr_info* info, std::size_t, void*) {
  if (module_count == modules.size()) return 1;
  Module found{UINTPTR_MAX, 0, info->dlpi_addr, ""};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    found.begin = std::min<std::uintptr_t>(found.begin, info->dlpi_addr + part.p_vaddr);
    found.end = std::max<std::uintptr_t>(found.end, info->dlpi_addr + part.p_vaddr + part.p_memsz);
  }
  if (module_count > 0) {  // the program comes first
    const char* slash = std::strrchr(info->dlpi_name, '/');
    found.name = slash ? slash + 1 : info->dlpi_name;
  }
  modules[module_count++] = found;
  return 0;
}

// Everything below runs in a signal handler.

class Line {
 public:
  void text(const char* text, std::size_t most) {
    for (; *text != '\0' && most-- > 0; ++text) put(is_plain(*text) ? *text : '_');
  }
  void put(char byte) {
    if (size_ < bytes_.size() - 1) bytes_[size_++] = byte;
  }
  void number(std::uint64_t value, unsigned base) {
    std::array<char, 24> digits;
    std::size_t count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (count > 0) put(digits[--count]);
  }
  void send() {
    bytes_[size_++] = '\n';
    [[maybe_unused]] const auto wrote = ::write(report_fd, bytes_.data(), size_);
    --size_;
  }

 private:
  static bool is_plain(char byte) { return byte > ' ' && byte < 0x7f && byte != stack_separator; }
  std::array<char, PIPE_BUF> bytes_;  // a pipe takes that much whole or not at all
  std::size_t size_ = 0;
};

struct Addresses {
  std::array<std::uintptr_t, max_frames + 8> at;  // those of the handler come on top
  std::size_t count = 0;
};

_Unwind_Reason_Code note_frame(_Unwind_Context* context, void* out) {
  auto& addresses = *static_cast<Addresses*>(out);
  int before = 0;
  const std::uintptr_t at = _Unwind_GetIPInfo(context, &before);
  if (at == 0 || addresses.count == addresses.at.size()) return _URC_END_OF_STACK;
  // A return address may belong to the next function already.
  addresses.at[addresses.count++] = before ? at : at - 1;
  return _URC_NO_REASON;
}

std::uintptr_t interrupted_at(const void* context) {
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(registers.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return registers.pc;
#else
  return 0;
#endif
}

void put_address(Line& line, std::uintptr_t address) {
  line.put(' ');
  for (std::size_t i = 0; i < module_count; ++i) {
    const Module& module = modules[i];
    if (address < module.begin || address >= module.end) continue;
    line.text(module.name, 40);
    line.put('+');
    line.number(address - module.bias, 16);
    return;
  }
  line.text("?+", 2);
  line.number(address, 16);
}

void begin(Line& line, const char* kind, int signal, const siginfo_t* info) {
  line.text(stack_mark.data(), stack_mark.size());
  line.put(stack_separator);
  line.text(kind, 8);
  line.put(stack_separator);
  line.number(static_cast<unsigned>(signal), 10);
  line.put(stack_separator);
  const bool by_kernel = info->si_code > 0 && signal != SIGABRT;
  line.number(by_kernel ? reinterpret_cast<std::uintptr_t>(info->si_addr) : 0, 16);
  line.put(stack_separator);
  line.number(static_cast<std::uint64_t>(::syscall(SYS_gettid)), 10);
  line.put(stack_separator);
  std::array<char, 16> name{};
  ::prctl(PR_GET_NAME, name.data());
  line.text(name.data(), name.size());
  line.put(stack_separator);
  const char* task = brigade::detail::running_task;
  if (task) line.text(task, 200);
  line.put(stack_separator);
}

void put_stack(Line& line, std::uintptr_t at) {
  Addresses addresses;
  _Unwind_Backtrace(&note_frame, &addresses);
  const std::uintptr_t* begin = addresses.at.data();
  const std::uintptr_t* end = begin + addresses.count;
  const std::uintptr_t* first = std::find(begin, end, at);
  if (first == end) {
    put_address(line, at);  // a jump to nowhere: unwinding ends there
    return;
  }
  for (std::size_t count = 0; first != end && count < max_frames; ++first, ++count) {
    put_address(line, *first);
  }
}

void on_fatal(int signal, siginfo_t* info, void* context) {
  const std::uintptr_t at = interrupted_at(context);
  Line line;
  begin(line, "fault", signal, info);
  Line whole = line;
  put_address(line, at);
  line.send();  // should the stack be so broken that unwinding it is fatal, too
  put_stack(whole, at);
  whole.send();
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  ::sigaction(signal, &by_default, nullptr);
  // A fault happens again when we return. What was sent is sent again, and comes then.
  if (info->si_code <= 0) ::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), signal);
}

void on_stack_signal(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  Line line;
  begin(line, "stack", signal, info);
  put_stack(line, interrupted_at(context));
  line.send();
  errno = saved;
}

}  // namespace

int stack_signal() {
  return SIGRTMAX - 3;
}

void report_faults() {
  if (report_fd >= 0) return;
  report_fd = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  ::dl_iterate_phdr(&note_module, nullptr);
  Addresses first;
  _Unwind_Backtrace(&note_frame, &first);  // so that what it sets up at first is there
  stack_t old{};
  if (::sigaltstack(nullptr, &old) == 0 && (old.ss_flags & SS_DISABLE) != 0) {
    stack_t own{};
    own.ss_sp = alternate_stack.data();
    own.ss_size = alternate_stack.size();
    ::sigaltstack(&own, nullptr);
  }
  struct sigaction action {};
  ::sigfillset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  action.sa_sigaction = &on_stack_signal;
  ::sigaction(stack_signal(), &action, nullptr);
  action.sa_sigaction = &on_fatal;
  for (const int signal : fatal_signals) {
    struct sigaction present {};
    ::sigaction(signal, nullptr, &present);
    if (present.sa_handler == SIG_DFL) ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace brigade::cluster::detail
