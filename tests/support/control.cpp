#include "support/control.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace brigade::testing_support {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::map<std::string, std::string> ControlFolder::environment() const {
  return {{"XDG_RUNTIME_DIR", folder_.path()}};
}

std::string ControlFolder::socket(const std::string& name) const {
  return directory() + "/" + name + ".sock";
}

CtlResult ControlFolder::ctl(const std::string& program, std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "ctl");
  // Into files: so nothing of it is still on its way when it has ended.
  const TemporaryFolder folder;
  const std::string out = folder.file("out");
  const std::string err = folder.file("err");
  std::vector<std::string> shell = {"-c", "\"$0\" \"$@\" >\"$OUT\" 2>\"$ERR\"", program};
  shell.insert(shell.end(), arguments.begin(), arguments.end());
  auto variables = environment();
  variables.insert({{"OUT", out}, {"ERR", err}});
  Process process({"/bin/sh", shell, variables});
  const ExitStatus status = process.wait();
  return {status.code, contents(out), contents(err)};
}

RawControl::RawControl(const std::string& path)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("nobody listens on " + path);
  }
}

bool RawControl::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawControl::ask(std::string_view json) {
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(json.size() >> shift);
  return send(frame.append(json));
}

bool RawControl::fill(bool wait) {
  pollfd source{socket_.get(), POLLIN, 0};
  const Deadline deadline;
  if (::poll(&source, 1, wait ? deadline.left_ms() : 0) <= 0) {
    if (wait) throw std::runtime_error("the control socket says nothing");
    return true;
  }
  std::array<char, 65536> bytes;
  const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (got > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  return got > 0;
}

std::string RawControl::read() {
  while (true) {
    if (buffer_.size() >= 4) {
      std::size_t size = 0;
      for (int index = 0; index < 4; ++index) {
        size = size << 8 | static_cast<unsigned char>(buffer_[static_cast<std::size_t>(index)]);
      }
      if (buffer_.size() - 4 >= size) {
        const std::string out = buffer_.substr(4, size);
        buffer_.erase(0, 4 + size);
        return out;
      }
    }
    if (!fill(true)) return {};
  }
}

bool RawControl::is_cut() {
  return !fill(false);
}

}  // namespace brigade::testing_support
