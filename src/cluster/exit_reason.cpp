#include <brigade/exit_reason.hpp>

namespace brigade::cluster {
namespace {

std::string_view explanation(ExitCause cause) {
  switch (cause) {
    case ExitCause::out_of_memory:
      return ", by the kernel: its cgroup is out of memory";
    case ExitCause::unknown:
      return ", by whom the kernel does not tell: somebody's kill -9, or itself for want of memory";
    case ExitCause::hung:
      return ", as it hung";
    case ExitCause::memory_limit:
      return ", as it passed its memory limit";
    case ExitCause::request_limit:
      return ", as it had answered its number of requests";
    case ExitCause::age_limit:
      return ", as it had reached its age";
    case ExitCause::descriptor_limit:
      return ", as it had too many descriptors open";
    case ExitCause::start_timeout:
      return ", as it did not come to listen in its time";
    case ExitCause::exited:
    case ExitCause::signalled:
    case ExitCause::requested:
    case ExitCause::lost_channel:
      break;
  }
  return "";
}

}  // namespace

std::string_view name_of(ExitCause cause) {
  switch (cause) {
    case ExitCause::exited:
      return "exited";
    case ExitCause::signalled:
      return "signalled";
    case ExitCause::out_of_memory:
      return "out_of_memory";
    case ExitCause::unknown:
      break;
    case ExitCause::requested:
      return "requested";
    case ExitCause::hung:
      return "hung";
    case ExitCause::memory_limit:
      return "memory_limit";
    case ExitCause::request_limit:
      return "request_limit";
    case ExitCause::age_limit:
      return "age_limit";
    case ExitCause::descriptor_limit:
      return "descriptor_limit";
    case ExitCause::start_timeout:
      return "start_timeout";
    case ExitCause::lost_channel:
      return "lost_channel";
  }
  return "unknown";
}

std::string ExitReason::text() const {
  std::string out = status.text();
  if (status.known) out += explanation(cause);
  if (!detail.empty()) out += ": " + detail;
  return out;
}

}  // namespace brigade::cluster
