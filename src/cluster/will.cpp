#include "cluster/will.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "cluster/role.hpp"
#include "cluster/wire.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr std::uint32_t magic = 0x42525731;  // "BRW1"
constexpr std::size_t longest = std::size_t{16} << 20;

std::vector<std::string> strings_of(const char* file) {
  std::ifstream in(file);
  std::vector<std::string> out;
  for (std::string text; std::getline(in, text, '\0');) out.push_back(text);
  return out;
}

void write(Writer& out, const std::vector<std::string>& strings) {
  out.number(static_cast<std::uint32_t>(strings.size()));
  for (const std::string& each : strings) out.text(each);
}

bool read(Reader& in, std::vector<std::string>& strings) {
  std::uint32_t count = 0;
  if (!in.number(count)) return false;
  while (count-- > 0) {
    std::string text;
    if (!in.text(text)) return false;
    strings.push_back(std::move(text));
  }
  return true;
}

struct flock of(Lock lock, short type) {
  struct flock out {};
  out.l_type = type;
  out.l_whence = SEEK_SET;
  out.l_start = static_cast<off_t>(lock);
  out.l_len = 1;
  return out;
}

}  // namespace

Will Will::of_this_process(Duration patience) {
  Will out;
  out.arguments = strings_of("/proc/self/cmdline");
  out.environment = strings_of("/proc/self/environ");
  std::erase_if(out.environment, [](const std::string& entry) {
    return entry.starts_with(std::string(role_variable) + "=");
  });
  std::error_code none;
  out.directory = std::filesystem::current_path(none);
  CPU_ZERO(&out.cpus);
  ::sched_getaffinity(0, sizeof out.cpus, &out.cpus);
  out.patience = patience;
  return out;
}

std::string Will::encode() const {
  Writer out;
  out.number(magic);
  write(out, arguments);
  write(out, environment);
  return out.text(directory).number(cpus).number(patience.count()).take();
}

std::optional<Will> Will::decode(std::string_view text) {
  Will out;
  Reader in(text);
  std::uint32_t found = 0;
  Duration::rep patience = 0;
  if (!in.number(found) || found != magic || !detail::read(in, out.arguments) ||
      !detail::read(in, out.environment) || !in.text(out.directory) || !in.number(out.cpus) ||
      !in.number(patience) || !in.at_end()) {
    return std::nullopt;
  }
  out.patience = Duration(patience);
  return out;
}

Result<Fd> Will::seal() const {
  const std::string text = encode();
  Fd memfd(::memfd_create("brigade-will", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memfd ||
      ::write(memfd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) !=
          0) {
    return Error::from_errno(errno, "keep what the next primary needs");
  }
  return memfd;
}

Result<Will> Will::read(const Fd& memfd) {
  struct stat facts {};
  if (::fstat(memfd.get(), &facts) != 0) return Error::from_errno(errno, "the primary's will");
  const auto size = static_cast<std::size_t>(facts.st_size);
  std::string text(size < longest ? size : 0, '\0');
  const ssize_t got = ::pread(memfd.get(), text.data(), text.size(), 0);
  auto out = decode(std::string_view(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0));
  if (!out) return Error(EPROTO, "the primary's will cannot be read: it is of another version");
  return std::move(*out);
}

bool try_lock(const Fd& will, Lock lock) {
  struct flock wanted = of(lock, F_WRLCK);
  return ::fcntl(will.get(), F_SETLK, &wanted) == 0;
}

void unlock(const Fd& will, Lock lock) {
  struct flock wanted = of(lock, F_UNLCK);
  ::fcntl(will.get(), F_SETLK, &wanted);
}

bool is_locked(const Fd& will, Lock lock) {
  struct flock found = of(lock, F_WRLCK);
  return ::fcntl(will.get(), F_GETLK, &found) == 0 && found.l_type != F_UNLCK;
}

}  // namespace brigade::cluster::detail
