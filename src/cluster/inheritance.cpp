#include "cluster/inheritance.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <brigade/log.hpp>
#include <brigade/time.hpp>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "base/files.hpp"
#include "cluster/will.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr Duration wait_for_hellos = std::chrono::milliseconds(300);

bool holds_board(pid_t pid, const Fd& board) {
  struct stat ours {
  }, theirs{};
  return ::fstat(board.get(), &ours) == 0 &&
         ::stat(fmt::format("/proc/{}/fd/{}", pid, board_fd).c_str(), &theirs) == 0 &&
         ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

// Its environment as it was started shows its role, though it has erased it since.
bool was_started_as(pid_t pid, const std::string& role) {
  const std::string environment =
      '\0' + brigade::detail::read_small_file(fmt::format("/proc/{}/environ", pid));
  return environment.find(fmt::format("{}{}={}{}", '\0', role_variable, role, '\0')) !=
         std::string::npos;
}

bool has_ended(const Fd& pidfd) {
  pollfd ended{pidfd.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) > 0;
}

std::vector<Heirloom> find_living(stats::Scoreboard& board) {
  std::vector<Heirloom> out;
  for (unsigned slot = 0; slot < board.slots(); ++slot) {
    const stats::Entry& entry = board.entry(slot);
    Heirloom found;
    found.id = entry.id.load();
    if (found.id == 0) continue;
    found.number = entry.number.get();
    found.slot = slot;
    found.generation = entry.generation.get();
    found.restarts = entry.restarts.get();
    found.state = entry.state();
    found.pid = entry.pid.get();
    found.pidfd = open_worker(found.pid, found.id, found.number, slot, board.fd(), nullptr);
    if (found.pidfd) {
      out.push_back(std::move(found));
    } else {
      board.release_slot(slot);
    }
  }
  return out;
}

bool is_expected(const Heirloom& worker) {
  return !worker.hello && worker.state == stats::WorkerState::listening && !has_ended(worker.pidfd);
}

void take_hello(std::vector<Heirloom>& workers, ReceivedHello received) {
  for (Heirloom& worker : workers) {
    if (worker.id == received.hello.id && worker.pid == received.pid &&
        !is_hung_up(received.hello.channel)) {
      worker.hello = std::move(received.hello);
      return;
    }
  }
}

void collect_hellos(std::vector<Heirloom>& workers, const Fd& rejoin) {
  const TimePoint until = monotonic_now() + wait_for_hellos;
  while (true) {
    while (auto received = receive_hello(rejoin)) take_hello(workers, std::move(*received));
    const Duration left = until - monotonic_now();
    if (left <= Duration(0) || std::none_of(workers.begin(), workers.end(), is_expected)) return;
    pollfd more{rejoin.get(), POLLIN, 0};
    constexpr Duration look_whether_they_live = std::chrono::milliseconds(20);
    ::poll(&more, 1,
           static_cast<int>(
               std::chrono::ceil<std::chrono::milliseconds>(std::min(left, look_whether_they_live))
                   .count()));
  }
}

}  // namespace

bool is_hung_up(const Fd& channel) {
  pollfd end{channel.get(), 0, 0};
  return ::poll(&end, 1, 0) > 0 && (end.revents & (POLLHUP | POLLERR)) != 0;
}

Fd open_worker(pid_t pid, std::uint64_t id, std::uint32_t number, unsigned slot, const Fd& board,
               const Fd* channel) {
  if (pid <= 0) return Fd();
  // Opened first, judged then: if it still lives after that, it was the judged one that was opened.
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return Fd();
  const bool is_it = channel ? !is_hung_up(*channel)
                             : holds_board(pid, board) &&
                                   was_started_as(pid, fmt::format("{},{},{}", id, number, slot));
  return is_it && !has_ended(pidfd) ? std::move(pidfd) : Fd();
}

Result<Inheritance> Inheritance::claim(Role& role) {
  if (!try_lock(role.estate.will, Lock::reign))
    return Error(EALREADY, "there is a primary already");
  auto board = stats::Scoreboard::attach(std::move(role.board));
  if (!board) return board.error();
  Inheritance out{std::move(*board), {}, 0};
  out.workers = find_living(out.board);
  collect_hellos(out.workers, role.estate.rejoin_read);
  out.count = out.workers.size();
  std::sort(out.workers.begin(), out.workers.end(), [](const Heirloom& a, const Heirloom& b) {
    const auto rank = [](const Heirloom& of) {
      return std::tuple(of.number, of.state != stats::WorkerState::listening, ~of.id);
    };
    return rank(a) < rank(b);
  });
  return out;
}

}  // namespace brigade::cluster::detail
