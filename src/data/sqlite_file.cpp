#include "data/sqlite_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>

namespace brigade::data {
namespace {

// Empty where `mode` was not understood.
std::optional<SqliteFile::Mode> parse_mode(std::string_view query) {
  if (query == "mode=ro") return SqliteFile::Mode::read_only;
  if (query == "mode=rw") return SqliteFile::Mode::read_write;
  if (query == "mode=rwc") return SqliteFile::Mode::create;
  return std::nullopt;
}

std::string reason(int code) {
  return std::generic_category().message(code);
}

Error fail(const SqliteFile& file, int code, const std::string& what) {
  return Error(code, fmt::format("{}: {}", name_of(file), what));
}

// 0, or why not. For the effective user, who will open the file; access(2) would ask for the real
// one.
int denied(const std::string& path, int how) {
  return ::faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0 ? 0 : errno;
}

Result<void> check_directory(const SqliteFile& file, const std::string& directory) {
  struct stat facts{};
  if (::stat(directory.c_str(), &facts) != 0) {
    const int code = errno;
    return fail(file, code,
                code == ENOENT ? fmt::format("directory {} does not exist", directory)
                               : fmt::format("directory {}: {}", directory, reason(code)));
  }
  if (!S_ISDIR(facts.st_mode)) {
    return fail(file, ENOTDIR, fmt::format("{} is not a directory", directory));
  }
  return {};
}

}  // namespace

Result<SqliteFile> parse_sqlite_url(std::string_view rest) {
  const std::size_t mark = rest.find('?');
  const std::string_view path = rest.substr(0, mark);
  SqliteFile file;
  if (mark != std::string_view::npos) {
    const auto mode = parse_mode(rest.substr(mark + 1));
    if (!mode) {
      return Error(
          fmt::format("database URL \"sqlite:{}\": only ?mode=ro, ?mode=rw and ?mode=rwc are "
                      "known after the path",
                      rest));
    }
    file.mode = *mode;
  }
  if (path == ":memory:") {
    if (mark == std::string_view::npos) return file;
    return Error("database URL \"sqlite::memory:\" takes no mode");
  }
  if (path.empty()) return Error("database URL \"sqlite:\" names no file (sqlite:users.db)");
  if (path.starts_with("//") && !path.starts_with("///")) {
    // By RFC 3986 section 3.2 that is a host. Taken as a path it would be a file in /.
    return Error(
        fmt::format("database URL \"sqlite:{}\": write sqlite:{} for a path relative to the "
                    "working directory, or sqlite:/… for an absolute one",
                    rest, path.substr(2)));
  }
  // Absolute, so that a later chdir moves nothing and SQLite takes it for a path and not for a URI.
  std::error_code code;
  file.path = std::filesystem::absolute(path, code).lexically_normal().string();
  if (code) return Error(code.value(), "the working directory is gone");
  return file;
}

std::string name_of(const SqliteFile& file) {
  return file.in_memory() ? "database in memory" : "database file " + file.path;
}

Result<void> check_access(const SqliteFile& file) {
  if (file.in_memory()) return {};
  const std::string directory = std::filesystem::path(file.path).parent_path().string();
  const bool writes = file.mode != SqliteFile::Mode::read_only;
  Result<void> parent = check_directory(file, directory);
  if (!parent) return parent;

  struct stat facts{};
  const int missing = ::stat(file.path.c_str(), &facts) == 0 ? 0 : errno;
  if (missing == ENOENT && file.mode != SqliteFile::Mode::create) {
    return fail(file, missing, "does not exist");
  }
  if (missing != 0 && missing != ENOENT) return fail(file, missing, reason(missing));
  if (missing == 0) {
    if (S_ISDIR(facts.st_mode)) return fail(file, EISDIR, "is a directory");
    if (const int code = denied(file.path, R_OK)) {
      return fail(file, code,
                  fmt::format("not readable by uid {} ({})", ::geteuid(), reason(code)));
    }
    const int code = writes ? denied(file.path, W_OK) : 0;
    if (code) {
      return fail(file, code,
                  fmt::format("not writable by uid {} ({})", ::geteuid(), reason(code)));
    }
  }
  // An existing file needs its directory, too: the write-ahead log is made beside it.
  if (const int code = writes ? denied(directory, W_OK | X_OK) : 0) {
    return fail(file, code,
                fmt::format("not writable by uid {} (directory {}: {})", ::geteuid(), directory,
                            reason(code)));
  }
  return {};
}

}  // namespace brigade::data
