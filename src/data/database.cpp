#include <brigade/database.hpp>

#include "data/sqlite_backend.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace brigade {
namespace {

// At most 200 bytes, not cut inside a UTF-8 sequence.
std::string_view excerpt(std::string_view sql) {
  constexpr std::size_t limit = 200;
  if (sql.size() <= limit) return sql;
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(sql[end]) & 0xc0) == 0x80) --end;
  return sql.substr(0, end);
}

}  // namespace

DatabaseError::DatabaseError(Kind kind, int code, std::string_view message, std::string_view sql)
    : kind_(kind), code_(code), what_(message) {
  if (sql.empty()) return;
  const std::string_view quoted = excerpt(sql);
  fmt::format_to(std::back_inserter(what_), ", in: {}{}", quoted,
                 quoted.size() < sql.size() ? "…" : "");
}

const char* to_string(DatabaseError::Kind kind) {
  switch (kind) {
    case DatabaseError::Kind::unique_violation:
      return "unique_violation";
    case DatabaseError::Kind::foreign_key:
      return "foreign_key";
    case DatabaseError::Kind::not_null:
      return "not_null";
    case DatabaseError::Kind::check:
      return "check";
    case DatabaseError::Kind::busy:
      return "busy";
    case DatabaseError::Kind::read_only:
      return "read_only";
    case DatabaseError::Kind::disk_full:
      return "disk_full";
    case DatabaseError::Kind::syntax:
      return "syntax";
    case DatabaseError::Kind::io:
      return "io";
    case DatabaseError::Kind::other:
      return "other";
  }
  return "other";
}

Result<Database> Database::open(const std::string& url, DatabaseOptions options) {
  const std::size_t colon = std::min(url.find(':'), url.size());
  const std::string scheme = url.substr(0, colon);
  if (scheme != "sqlite" || colon == url.size()) {
    std::string message =
        "a database URL starts with \"sqlite:\" (sqlite:users.db, sqlite::memory:)";
    // The scheme only: the rest may hold a password.
    if (colon < url.size()) {
      message += fmt::format(", not with \"{}:\": this build has only sqlite", scheme);
    }
    return Error(std::move(message));
  }
  Result<std::shared_ptr<sql::Backend>> backend =
      data::open_sqlite(std::string_view(url).substr(colon + 1), options);
  if (!backend) return backend.error();
  return Database(std::move(*backend));
}

}  // namespace brigade
