// Which file a "sqlite:" URL names, and whether it can be used at all.
#pragma once

#include <brigade/result.hpp>

#include <string>
#include <string_view>

namespace brigade::data {

struct SqliteFile {
  enum class Mode { read_only, read_write, create };

  std::string path;  // absolute; empty for a database in memory
  Mode mode = Mode::create;

  bool in_memory() const { return path.empty(); }
};

/// `rest` is what follows "sqlite:". The path is taken literally up to a "?", not percent-decoded.
Result<SqliteFile> parse_sqlite_url(std::string_view rest);

/// "database file /x/users.db"
std::string name_of(const SqliteFile& file);

/// Why the file cannot be opened as asked, in words that say what to change. SQLite itself says
/// "unable to open database file" for all of it, or quietly opens for reading only.
Result<void> check_access(const SqliteFile& file);

}  // namespace brigade::data
