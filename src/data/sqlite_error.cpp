#include "data/sqlite_error.hpp"

#include <sqlite3.h>

namespace brigade::data {

using Kind = DatabaseError::Kind;

DatabaseError::Kind kind_of(int code, bool compiling) {
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return Kind::unique_violation;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return Kind::foreign_key;
    case SQLITE_CONSTRAINT_NOTNULL:
      return Kind::not_null;
    case SQLITE_CONSTRAINT_CHECK:
      return Kind::check;
    default:
      break;
  }
  switch (code & 0xff) {  // the primary code
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:  // gave up on a race for the write-ahead log's locks
      return Kind::busy;
    case SQLITE_READONLY:
      return Kind::read_only;
    case SQLITE_FULL:
      return Kind::disk_full;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Kind::io;
    case SQLITE_ERROR:
      // Also what functions and RAISE() fail with while a statement runs.
      return compiling ? Kind::syntax : Kind::other;
    default:
      return Kind::other;
  }
}

DatabaseError last_error(sqlite3* handle, std::string_view sql, bool compiling) {
  const int code = ::sqlite3_extended_errcode(handle);
  return DatabaseError(kind_of(code, compiling), code, ::sqlite3_errmsg(handle), sql);
}

}  // namespace brigade::data
